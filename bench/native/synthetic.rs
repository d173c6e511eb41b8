//! Writes the patterns of a synthetic model, so that other programs can compute its bytes:
//! `synthetic SHAPE FOLDER` creates `header`, `patterns` and `layout.json`.

use std::path::PathBuf;

use hybridge_gemma::quant::Encoding;
use hybridge_gemma::source::Source as _;
use hybridge_gemma::testing::{Synthetic, SyntheticShape};
use serde_json::json;

fn main() -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [shape, folder, rest @ ..] = words.as_slice() else {
        return Err(std::io::Error::other("synthetic SHAPE FOLDER [BODY-ENCODING] [LAYERS]"));
    };
    let mut shape = SyntheticShape::named(shape).ok_or_else(|| {
        std::io::Error::other("the shape is mini, 270m, 1b, 4b, 3n-e2b, 4-e2b or 4-e4b")
    })?;
    if let Some(name) = rest.first() {
        shape.body = Encoding::ALL
            .into_iter()
            .find(|it| it.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| std::io::Error::other("there is no such encoding"))?;
    }
    if let Some(layers) = rest.get(1) {
        shape.layers = layers.parse().map_err(std::io::Error::other)?;
    }
    let file = Synthetic::new(&shape);
    let folder = PathBuf::from(folder);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("header"), file.header())?;
    std::fs::write(folder.join("patterns"), file.patterns().collect::<Vec<_>>().concat())?;
    let lengths: Vec<usize> = file.patterns().map(<[u8]>::len).collect();
    let layout = json!({
        "size": file.size(),
        "patterns": lengths,
        "regions": file.regions().collect::<Vec<_>>(),
        "shape": {
            "layers": shape.layers, "width": shape.width, "hidden": shape.hidden, "heads": shape.heads, "kvHeads": shape.kv_heads,
            "vocabulary": shape.vocabulary, "body": shape.body.name(), "head": shape.head.name(),
        },
    });
    std::fs::write(folder.join("layout.json"), layout.to_string())
}
