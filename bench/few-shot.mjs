/**
 * Writes few-shot items with known answers for a base model: `node bench/few-shot.mjs > items.jsonl`.
 *
 * For opt-in figures on real weights, which nothing here downloads:
 *
 *   cargo run --release -p hybridge-gemma --no-default-features --features testing --example few_shot -- MODEL.gguf
 * items.jsonl > answers.jsonl
 *   node bench/confidence.mjs answers.jsonl
 */

const capitals =
  'France Paris, Germany Berlin, Italy Rome, Spain Madrid, Portugal Lisbon, Austria Vienna, Poland Warsaw, Hungary Budapest, Greece Athens, Norway Oslo, Sweden Stockholm, Finland Helsinki, Denmark Copenhagen, Ireland Dublin, Belgium Brussels, Romania Bucharest, Bulgaria Sofia, Croatia Zagreb, Serbia Belgrade, Ukraine Kyiv, Russia Moscow, Turkey Ankara, Egypt Cairo, Morocco Rabat, Tunisia Tunis, Kenya Nairobi, Nigeria Abuja, Ghana Accra, Ethiopia Addis_Ababa, Uganda Kampala, Senegal Dakar, Angola Luanda, Zambia Lusaka, Zimbabwe Harare, Rwanda Kigali, Somalia Mogadishu, Sudan Khartoum, Libya Tripoli, Algeria Algiers, Mali Bamako, Japan Tokyo, China Beijing, India New_Delhi, Nepal Kathmandu, Bangladesh Dhaka, Pakistan Islamabad, Iran Tehran, Iraq Baghdad, Syria Damascus, Lebanon Beirut, Jordan Amman, Qatar Doha, Oman Muscat, Yemen Sanaa, Thailand Bangkok, Vietnam Hanoi, Laos Vientiane, Cambodia Phnom_Penh, Malaysia Kuala_Lumpur, Indonesia Jakarta, Philippines Manila, Mongolia Ulaanbaatar, Kazakhstan Astana, Uzbekistan Tashkent, Georgia Tbilisi, Armenia Yerevan, Azerbaijan Baku, Canada Ottawa, Mexico Mexico_City, Cuba Havana, Jamaica Kingston, Panama Panama_City, Colombia Bogotá, Venezuela Caracas, Ecuador Quito, Peru Lima, Chile Santiago, Argentina Buenos_Aires, Uruguay Montevideo, Paraguay Asunción, Brazil Brasília, Australia Canberra, Iceland Reykjavik, Estonia Tallinn, Latvia Riga, Lithuania Vilnius, Slovakia Bratislava, Slovenia Ljubljana, Albania Tirana, Cyprus Nicosia, Malta Valletta, Luxembourg Luxembourg'
const antonyms =
  'hot cold, big small, fast slow, high low, light dark, wet dry, hard soft, rich poor, young old, happy sad, strong weak, early late, full empty, open closed, clean dirty, loud quiet, thick thin, wide narrow, deep shallow, near far, up down, left right, in out, over under, before after, always never, love hate, win lose, buy sell, push pull, start stop, give take, remember forget, arrive leave, rise fall, accept reject, attack defend, increase decrease, success failure, friend enemy, true false, good bad, right wrong, safe dangerous, cheap expensive, simple complex, sharp blunt, sweet sour, brave cowardly, guilty innocent, public private, ancient modern, visible invisible, possible impossible, legal illegal, maximum minimum, victory defeat, arrival departure, entrance exit, question answer, peace war, life death, day night, summer winter, north south, east west, male female, heaven hell, above below, inside outside, more less, many few, first last, alive dead, asleep awake, cruel kind, lazy hardworking, polite rude, generous selfish, humble proud, calm nervous, rough smooth, tight loose, straight crooked, permanent temporary, artificial natural, positive negative, inferior superior, optimist pessimist, majority minority'
const languages = {
  English: [
    'The weather is nice today',
    'I would like a cup of tea',
    'Where is the nearest station?',
    'She reads a book every week',
    'We are going home now',
  ],
  French: [
    "Il fait beau aujourd'hui",
    'Je voudrais une tasse de thé',
    'Où est la gare la plus proche ?',
    'Elle lit un livre chaque semaine',
    'Nous rentrons à la maison',
  ],
  German: [
    'Das Wetter ist heute schön',
    'Ich möchte eine Tasse Tee',
    'Wo ist der nächste Bahnhof?',
    'Sie liest jede Woche ein Buch',
    'Wir gehen jetzt nach Hause',
  ],
  Spanish: [
    'Hoy hace buen tiempo',
    'Quisiera una taza de té',
    '¿Dónde está la estación más cercana?',
    'Ella lee un libro cada semana',
    'Nos vamos a casa',
  ],
  Italian: [
    'Oggi il tempo è bello',
    'Vorrei una tazza di tè',
    "Dov'è la stazione più vicina?",
    'Lei legge un libro ogni settimana',
    'Adesso andiamo a casa',
  ],
  Portuguese: [
    'O tempo está bom hoje',
    'Eu queria uma xícara de chá',
    'Onde fica a estação mais próxima?',
    'Ela lê um livro por semana',
    'Vamos para casa agora',
  ],
  Dutch: [
    'Het weer is mooi vandaag',
    'Ik wil graag een kopje thee',
    'Waar is het dichtstbijzijnde station?',
    'Zij leest elke week een boek',
    'We gaan nu naar huis',
  ],
  Polish: [
    'Dzisiaj jest ładna pogoda',
    'Poproszę filiżankę herbaty',
    'Gdzie jest najbliższa stacja?',
    'Ona czyta książkę co tydzień',
    'Idziemy teraz do domu',
  ],
  Swedish: [
    'Vädret är fint idag',
    'Jag skulle vilja ha en kopp te',
    'Var ligger närmaste station?',
    'Hon läser en bok varje vecka',
    'Vi går hem nu',
  ],
  Turkish: [
    'Bugün hava güzel',
    'Bir fincan çay istiyorum',
    'En yakın istasyon nerede?',
    'Her hafta bir kitap okur',
    'Şimdi eve gidiyoruz',
  ],
  Finnish: [
    'Tänään on kaunis ilma',
    'Haluaisin kupin teetä',
    'Missä on lähin asema?',
    'Hän lukee kirjan joka viikko',
    'Menemme nyt kotiin',
  ],
  Japanese: [
    '今日は天気がいいです',
    'お茶を一杯ください',
    '一番近い駅はどこですか',
    '彼女は毎週本を読みます',
    '今から家に帰ります',
  ],
  Russian: [
    'Сегодня хорошая погода',
    'Я хотел бы чашку чая',
    'Где ближайшая станция?',
    'Она читает книгу каждую неделю',
    'Мы идём домой',
  ],
  Greek: [
    'Σήμερα ο καιρός είναι καλός',
    'Θα ήθελα ένα φλιτζάνι τσάι',
    'Πού είναι ο σταθμός;',
    'Διαβάζει ένα βιβλίο κάθε εβδομάδα',
    'Πάμε σπίτι τώρα',
  ],
  Korean: [
    '오늘 날씨가 좋아요',
    '차 한 잔 주세요',
    '가장 가까운 역이 어디예요?',
    '그녀는 매주 책을 읽어요',
    '우리는 이제 집에 가요',
  ],
}
const praise = [
  'I loved every minute of it',
  'The staff were kind and quick',
  'Best purchase of the year',
  'It works perfectly',
  'A beautiful and moving story',
  'The food was delicious',
  'Fast delivery and great quality',
  'My children adore it',
  'Comfortable and well made',
  'I would recommend it to anyone',
  'Such a pleasant surprise',
  'The battery lasts for days',
  'Clear sound and easy to use',
  'A wonderful view from the room',
  'The best coffee in town',
]
const blame = [
  'I want my money back',
  'It broke after two days',
  'The room was dirty and loud',
  'A boring film with bad actors',
  'Rude staff and cold food',
  'The worst phone I ever had',
  'It never arrived',
  'Cheap plastic that smells',
  'A waste of time',
  'The instructions are useless',
  'It hurts my feet',
  'The screen cracked at once',
  'Terrible sound and weak battery',
  'Nobody answered my calls',
  'I regret buying it',
]

const line = (task, shots, question, expected) => ({
  task,
  prompt: `${shots.map(([asked, answer]) => `${asked}${answer}`).join('\n')}\n${question}`,
  expected,
})
const pairs = (text) => text.split(', ').map((it) => it.split(' ').map((word) => word.replaceAll('_', ' ')))
const items = []
for (const [country, capital] of pairs(capitals).filter(([it]) => !['France', 'Japan', 'Peru'].includes(it)))
  items.push(
    line(
      'capitals',
      [
        ['Capital of France:', ' Paris'],
        ['Capital of Japan:', ' Tokyo'],
        ['Capital of Peru:', ' Lima'],
      ],
      `Capital of ${country}:`,
      capital,
    ),
  )
for (const [word, opposite] of pairs(antonyms).filter(([it]) => !['hot', 'fast', 'alive'].includes(it)))
  items.push(
    line(
      'antonyms',
      [
        ['Opposite of hot:', ' cold'],
        ['Opposite of alive:', ' dead'],
        ['Opposite of fast:', ' slow'],
      ],
      `Opposite of ${word}:`,
      opposite,
    ),
  )
for (let at = 0; at < 110; at++) {
  const [a, b] = [(at * 37 + 11) % (at < 40 ? 10 : 100), (at * 53 + 7) % (at < 40 ? 10 : 100)]
  items.push(
    line(
      'sums',
      [
        ['3 + 4 =', ' 7'],
        ['25 + 13 =', ' 38'],
        ['40 + 52 =', ' 92'],
      ],
      `${a} + ${b} =`,
      String(a + b),
    ),
  )
}
for (const [language, sentences] of Object.entries(languages))
  for (const sentence of sentences)
    items.push(
      line(
        'languages',
        [
          ['Text: Buenos días, amigo\nLanguage:', ' Spanish'],
          ['Text: Guten Morgen, mein Freund\nLanguage:', ' German'],
          ['Text: Good morning, my friend\nLanguage:', ' English'],
        ],
        `Text: ${sentence}\nLanguage:`,
        language,
      ),
    )
for (const [label, list] of [
  ['positive', praise],
  ['negative', blame],
])
  for (const review of list)
    for (const end of ['.', ', really.'])
      items.push(
        line(
          'sentiment',
          [
            ['Review: What a great day.\nSentiment:', ' positive'],
            ['Review: This is awful.\nSentiment:', ' negative'],
            ['Review: I am so pleased with it.\nSentiment:', ' positive'],
          ],
          `Review: ${review}${end}\nSentiment:`,
          label,
        ),
      )
for (const item of items) console.log(JSON.stringify(item))
