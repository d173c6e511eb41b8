//! Draws the loss and the held-out accuracy over the steps as an SVG.

use std::collections::BTreeMap;

use crate::world::Task;

const WIDTH: f32 = 900.0;
const HEIGHT: f32 = 420.0;
const MARGIN: f32 = 50.0;
/// The number of points of the loss curve, each a mean over neighbouring steps.
const POINTS: usize = 300;
const COLOURS: [&str; 11] = [
    "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#ff9da7",
    "#9c755f", "#bab0ac", "#2f4b7c",
];

pub(crate) fn svg(losses: &[f32], looks: &[(usize, BTreeMap<Task, f32>)]) -> String {
    let steps = losses.len().max(1) as f32;
    let x = |step: f32| MARGIN + step / steps * (WIDTH - 4.5 * MARGIN);
    let y = |share: f32| HEIGHT - MARGIN - share * (HEIGHT - 2.0 * MARGIN);
    // Losses on a logarithmic scale from 0.01 to 10.
    let of_loss = |loss: f32| ((loss.max(0.01).log10() + 2.0) / 3.0).min(1.0);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for (share, loss) in [(0.0, "0.01"), (1.0 / 3.0, "0.1"), (2.0 / 3.0, "1"), (1.0, "10")] {
        out += &format!(
            "<line x1=\"{}\" x2=\"{}\" y1=\"{2:.1}\" y2=\"{2:.1}\" stroke=\"#ddd\"/><text x=\"8\" y=\"{2:.1}\">{loss}</text>\n",
            x(0.0),
            x(steps),
            y(share)
        );
    }
    let each = losses.len().div_ceil(POINTS).max(1);
    let points: Vec<String> = losses
        .chunks(each)
        .enumerate()
        .map(|(number, chunk)| {
            let mean = chunk.iter().sum::<f32>() / chunk.len() as f32;
            format!("{:.1},{:.1}", x(((number * each) + chunk.len()) as f32), y(of_loss(mean)))
        })
        .collect();
    out += &format!(
        "<polyline fill=\"none\" stroke=\"black\" stroke-width=\"1.5\" points=\"{}\"/>\n",
        points.join(" ")
    );
    for ((task, _), (number, colour)) in Task::SHARES.iter().zip(COLOURS.iter().enumerate()) {
        let points: Vec<String> = looks
            .iter()
            .filter_map(|(step, scores)| {
                Some(format!("{:.1},{:.1}", x(*step as f32), y(*scores.get(task)?)))
            })
            .collect();
        let (left, top) = (WIDTH - 3.3 * MARGIN, MARGIN + 18.0 * number as f32);
        out += &format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" points=\"{}\"/><text x=\"{left}\" y=\"{top}\" fill=\"{colour}\">{}</text>\n",
            points.join(" "),
            task.name()
        );
    }
    let foot = HEIGHT - 15.0;
    out += &format!(
        "<text x=\"{MARGIN}\" y=\"{foot}\">{} steps; black: loss (logarithmic, left); colours: held-out accuracy, bottom 0 to top 100 %</text>\n</svg>\n",
        losses.len()
    );
    out
}
