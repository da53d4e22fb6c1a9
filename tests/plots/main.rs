//! Draws what `scripts/load sizes paces --json` printed: a figure for events a second, memory and latency each, with a curve for every
//! case. A point is the median of its rounds; the bar through it goes from the least to the most.

mod figure;

use std::{
    error::Error,
    io::{self, BufRead},
    path::PathBuf,
};

use clap::Parser;
use figure::{Curve, Figure, Point};
use serde::Deserialize;

/// Reads lines of JSON from standard input, and writes SVG files.
#[derive(Parser)]
struct Arguments {
    /// The folder of the figures.
    folder: PathBuf,
}

/// A case of a report, as `scripts/load --json` prints it; other fields are passed over.
#[derive(Deserialize)]
struct Case {
    route: String,
    median: f64,
    values: Vec<f64>,
    curve: Option<String>,
    at: Option<u32>,
}

const FIGURES: [Figure; 3] = [
    Figure {
        file: "load-pace.svg",
        route: "sizes",
        measure: "events/s",
        title: "A backlog, drained",
        across: "events in the backlog",
        up: "events/s",
    },
    Figure {
        file: "load-memory.svg",
        route: "sizes",
        measure: "MiB",
        title: "The most memory while a backlog is drained",
        across: "events in the backlog",
        up: "MiB",
    },
    Figure {
        file: "load-latency.svg",
        route: "paces",
        measure: "p",
        title: "From a commit to a consumer",
        across: "events/s",
        up: "ms",
    },
];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let lines = io::stdin().lock().lines().collect::<Result<Vec<String>, _>>()?;
    let cases = lines.iter().map(|line| serde_json::from_str(line)).collect::<Result<Vec<Case>, _>>()?;
    for figure in &FIGURES {
        let curves = curves(&cases, figure);
        if curves.is_empty() {
            eprintln!("left out: {}, which `scripts/load {}` measures", figure.file, figure.route);
            continue;
        }
        let path = arguments.folder.join(figure.file);
        figure.draw(&path, &curves)?;
        println!("{}", path.display());
    }
    Ok(())
}

/// The curves of a figure, in the order of their first points.
fn curves(cases: &[Case], figure: &Figure) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for case in cases.iter().filter(|case| case.route == figure.route) {
        let (Some(curve), Some(at)) = (&case.curve, case.at) else { continue };
        // A curve's name ends with its measure, as in "relay, MiB".
        let Some((name, measure)) = curve.rsplit_once(", ") else { continue };
        let name = match measure.strip_prefix(figure.measure) {
            Some("") => name,
            Some(_) => curve.as_str(),
            None => continue,
        };
        let least = case.values.iter().copied().fold(case.median, f64::min);
        let most = case.values.iter().copied().fold(case.median, f64::max);
        let point = Point { at: f64::from(at), least, median: case.median, most };
        match curves.iter_mut().find(|curve| curve.name == name) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve { name: name.to_owned(), points: vec![point] }),
        }
    }
    curves
}
