// Finds personal data in a message, which then stays on the device. The package's detectors decide.
import {
  FirstMatch,
  FallbackStrategy,
  PrivacyStrategy,
  defineModel,
  hybridModel,
  kCloud,
  kOnDevice,
  redacting,
} from 'hybridge'

const kinds = {
  email: 'an e-mail address',
  phone: 'a phone number',
  'credit-card': 'a card number',
  iban: 'an IBAN',
  ssn: 'a social security number',
  'ip-address': 'an IP address',
  'api-key': 'an API key',
  'date-of-birth': 'a date of birth',
  'national-id': 'a national identity number',
}

const branch = (name) => defineModel({ name, generate: () => '' })

/** A model that never answers: only its routing is used. */
const probe = hybridModel({
  branches: { [kOnDevice]: branch('device'), [kCloud]: branch('cloud') },
  strategy: new FirstMatch([new PrivacyStrategy({ keep: kOnDevice }), new FallbackStrategy([kOnDevice, kCloud])]),
})

/** Returns the kinds of personal data in a text, as the detectors name them. */
export async function personalIn(text) {
  const { allow, reason = '' } = await probe.explain(text)
  const [, found] = /^personal data: (.*)$/.exec(reason) ?? []
  return allow === undefined || found === undefined ? [] : found.split(', ')
}

let read = ''
/** A model behind redaction that only records its request. */
const reader = redacting(
  defineModel({
    name: 'reader',
    generate({ messages }) {
      read = messages[0].content[0].text
      return ''
    },
  }),
)

/** Returns what a redacted cloud would receive instead of a text. Nothing is sent. */
export async function redactedForm(text) {
  await reader.generate(text)
  return read
}

/** Formats kinds for people: "an e-mail address and an IBAN". */
export const inWords = (found) =>
  new Intl.ListFormat('en', { type: 'conjunction' }).format(found.map((kind) => kinds[kind] ?? kind))
