//! One figure with its axes, both of them logarithmic, and its curves.

use std::{error::Error, path::Path};

use plotters::{
    coord::{Shift, combinators::IntoLogRange},
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

pub(crate) struct Figure {
    pub(crate) file: &'static str,
    pub(crate) route: &'static str,
    /// The end of the names of its curves, or its beginning.
    pub(crate) measure: &'static str,
    pub(crate) title: &'static str,
    pub(crate) across: &'static str,
    pub(crate) up: &'static str,
}

pub(crate) struct Curve {
    pub(crate) name: String,
    pub(crate) points: Vec<Point>,
}

pub(crate) struct Point {
    pub(crate) at: f64,
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

/// Told apart without red and green (Okabe and Ito, "Color Universal Design", 2008).
const COLOURS: [RGBColor; 8] = [
    RGBColor(0, 114, 178),
    RGBColor(230, 159, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 180, 233),
    RGBColor(213, 94, 0),
    RGBColor(90, 90, 90),
    RGBColor(0, 0, 0),
];

const SIZE: (u32, u32) = (860, 460);
const FONT: &str = "sans-serif";

impl Figure {
    pub(crate) fn draw(&self, path: &Path, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
        let area = SVGBackend::new(path, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        self.draw_on(&area, curves)?;
        area.present()?;
        Ok(())
    }

    fn draw_on(&self, area: &DrawingArea<SVGBackend<'_>, Shift>, curves: &[Curve]) -> Result<(), Box<dyn Error>> {
        let points = || curves.iter().flat_map(|curve| &curve.points);
        let (left, right) = span(points().map(|point| point.at), points().map(|point| point.at));
        let (bottom, top) = span(points().map(|point| point.least), points().map(|point| point.most));
        let mut chart = ChartBuilder::on(area)
            .caption(self.title, (FONT, 20))
            .margin(14)
            .x_label_area_size(46)
            .y_label_area_size(70)
            .build_cartesian_2d((left..right).log_scale(), (bottom..top).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.across)
            .y_desc(self.up)
            .label_style((FONT, 14))
            .axis_desc_style((FONT, 15))
            .light_line_style(RGBColor(238, 238, 238))
            .bold_line_style(RGBColor(215, 215, 215))
            .x_label_formatter(&|value| grouped(*value))
            .y_label_formatter(&|value| grouped(*value))
            .draw()?;
        for (curve, colour) in curves.iter().zip(COLOURS.iter().cycle()) {
            let line = curve.points.iter().map(|point| (point.at, point.median));
            chart
                .draw_series(LineSeries::new(line, colour.stroke_width(2)))?
                .label(&curve.name)
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], colour.stroke_width(3)));
            chart.draw_series(curve.points.iter().map(|point| {
                PathElement::new([(point.at, point.least), (point.at, point.most)], colour.mix(0.6).stroke_width(1))
            }))?;
            chart.draw_series(
                curve.points.iter().map(|point| Circle::new((point.at, point.median), 3, colour.filled())),
            )?;
            chart.draw_series(curve.points.last().map(|point| {
                let style = (FONT, 13).into_font().color(colour).pos(Pos::new(HPos::Right, VPos::Bottom));
                Text::new(grouped(point.median), (point.at, point.median), style)
            }))?;
        }
        chart
            .configure_series_labels()
            .label_font((FONT, 14))
            .background_style(WHITE.mix(0.85))
            .border_style(RGBColor(200, 200, 200))
            .position(SeriesLabelPosition::UpperLeft)
            .draw()?;
        Ok(())
    }
}

/// With room beside the outermost points.
fn span(least: impl Iterator<Item = f64>, most: impl Iterator<Item = f64>) -> (f64, f64) {
    (least.fold(f64::INFINITY, f64::min) / 1.4, most.fold(0.0, f64::max) * 1.8)
}

/// A number with its digits in groups of three.
fn grouped(value: f64) -> String {
    if value < 10.0 {
        let text = format!("{value:.1}");
        return text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
    }
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if 0 < place && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Curve, Figure, Point, grouped};

    #[test]
    fn digits_stand_in_groups_of_three() {
        assert_eq!(
            [1.0, 1.25, 12.4, 999.6, 1_234.0, 1_234_567.0].map(grouped),
            ["1", "1.2", "12", "1,000", "1,234", "1,234,567"]
        );
    }

    #[test]
    fn a_figure_names_its_axes_and_its_curves() {
        let figure = Figure { file: "f", route: "r", measure: "m", title: "Title", across: "Across", up: "Up" };
        let point = |at: f64| Point { at, least: 1.0, median: 2.0, most: 3.0 };
        let curve = |name: &str| Curve { name: name.to_owned(), points: vec![point(10.0), point(1_000.0)] };
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("figure.svg");
        figure.draw(&path, &[curve("first"), curve("second")]).expect("it is drawn");
        let drawn = std::fs::read_to_string(path).expect("a file");
        for text in ["Title", "Across", "Up", "first", "second", "1,000"] {
            assert!(drawn.contains(text), "{text} is missing in {drawn}");
        }
    }
}
