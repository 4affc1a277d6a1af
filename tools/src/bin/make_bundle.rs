//! Writes a mixed bundle of generated access point images: one file per image family, named as the family, without an
//! extension, and their SHA256SUMS, as an unpacked AP bundle on a TFTP server looks. Nothing in it would boot.

use std::path::PathBuf;
use std::process::ExitCode;

use capledger::image::bundle::{ImageSpec, REFERENCE_OCTETS, write_bundle};
use capledger::image::family::families;
use capledger_schema::image::{ImageFamily, ImageVersion};
use clap::Parser;

#[derive(Parser)]
#[command(name = "make_bundle", about = "Write a bundle of generated AP images, one file per image family")]
struct Arguments {
    /// The directory; it is made if need be, and files of the same names are overwritten
    directory: PathBuf,
    /// The version that the images say they are
    #[arg(long, default_value = "17.9.4.27")]
    software: ImageVersion,
    /// An image family; may be given several times [default: all of the model table]
    #[arg(long = "family")]
    families: Vec<ImageFamily>,
    /// Octets of each image
    #[arg(long, default_value_t = REFERENCE_OCTETS)]
    octets: u64,
    /// The same seed gives the same images
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("make_bundle: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> std::io::Result<()> {
    let Arguments { directory, software, families: chosen, octets, seed } = arguments;
    let families = if chosen.is_empty() { families().collect() } else { chosen };
    let images: Vec<ImageSpec> =
        families.into_iter().map(|family| ImageSpec { family, version: software, octets, seed }).collect();
    std::fs::create_dir_all(&directory)?;
    write_bundle(&directory, &images)?;
    for image in &images {
        println!("{}/{}: {} {} octets", directory.display(), image.family, image.version, image.octets);
    }
    Ok(())
}
