//! Reads pictures from files and encodes them.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use hybridge_core::{Error, Result};
use hybridge_gemma::Model;
use hybridge_gemma::vision::{
    Gallery, LoadTower, Picture, PictureRows, Prepared, VisionModel, check_match,
};
use png::{ColorType, Decoder, Transformations};

use crate::args::{Args, Pictures};
use crate::backend;
use crate::progress::Bar;

/// Returns the rows of each picture on the command line.
pub(crate) async fn rows(args: &Args, model: &Model, bar: &Bar) -> Result<Vec<PictureRows>> {
    let Pictures { files, budget, .. } = &args.pictures;
    if files.is_empty() {
        return Err(Error::invalid("--image-embeddings needs --image FILE.png".to_owned()));
    }
    let vision = open(args, bar).await?;
    check_match(&vision.config, &model.config)?;
    let encoder = backend::tower(args.backend, &vision).await?;
    let mut all = Vec::new();
    for file in files {
        let picture = Prepared::new(&read(file)?, encoder.config(), *budget)?;
        all.push(encoder.encode(&picture, &mut |_| {}).await?);
    }
    Ok(all)
}

/// Loads the tower named on the command line.
pub(crate) async fn open(args: &Args, bar: &Bar) -> Result<VisionModel> {
    let mmproj = args
        .pictures
        .mmproj
        .as_deref()
        .ok_or_else(|| Error::invalid("pictures need --mmproj FILE.gguf".to_owned()))?;
    VisionModel::open(crate::sources(mmproj, bar)?).await
}

/// Returns a gallery that runs the tower with the given options.
pub(crate) fn gallery(args: &Args, vision: VisionModel) -> Gallery {
    let backend = args.backend;
    let load: LoadTower = Box::new(move |vision| Box::pin(backend::tower(backend, vision)));
    Gallery::new(vision, args.pictures.budget, load)
}

/// Decodes a PNG file to eight bits per channel.
pub(crate) fn read(path: &Path) -> Result<Picture> {
    let wrong = |error: &dyn std::fmt::Display| {
        Error::invalid(format!("{} cannot be read as PNG: {error}", path.display()))
            .with_code("PICTURE_INVALID")
    };
    let file = File::open(path).map_err(|error| wrong(&error))?;
    let mut decoder = Decoder::new(BufReader::new(file));
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(|error| wrong(&error))?;
    let size = reader.output_buffer_size().ok_or_else(|| wrong(&"it is too large"))?;
    let mut bytes = vec![0; size];
    let info = reader.next_frame(&mut bytes).map_err(|error| wrong(&error))?;
    bytes.truncate(info.buffer_size());
    let (width, height) = (info.width as usize, info.height as usize);
    match info.color_type {
        ColorType::Rgb => Picture::new(width, height, bytes),
        ColorType::Rgba => Picture::from_rgba(width, height, &bytes),
        ColorType::Grayscale => Picture::new(width, height, grey(bytes.iter())),
        ColorType::GrayscaleAlpha => Picture::new(width, height, grey(bytes.iter().step_by(2))),
        ColorType::Indexed => Err(wrong(&"its palette was not expanded")),
    }
}

fn grey<'a>(values: impl Iterator<Item = &'a u8>) -> Vec<u8> {
    values.flat_map(|value| [*value; 3]).collect()
}
