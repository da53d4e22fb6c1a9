//! Medians, and ratios within each round.

use comfy_table::{Table, presets::ASCII_MARKDOWN};
use serde_json::json;

/// The result of one run of a case.
pub(crate) struct Sample {
    case: String,
    /// The curve that the value is a point of, and the point's place.
    place: Option<(String, usize)>,
    value: f64,
}

impl Sample {
    pub(crate) fn new(case: impl Into<String>, value: f64) -> Self {
        Self { case: case.into(), place: None, value }
    }

    /// A point of a curve.
    pub(crate) fn at(curve: impl Into<String>, place: usize, value: f64) -> Self {
        let curve = curve.into();
        Self { case: format!("{curve}, at {place}"), place: Some((curve, place)), value }
    }
}

/// The rounds of one route.
pub(crate) struct Report {
    pub(crate) route: &'static str,
    unit: &'static str,
    /// The case that the others are compared with; nothing where each figure is of another kind.
    baseline: Option<&'static str>,
    rounds: Vec<Vec<Sample>>,
}

impl Report {
    pub(crate) fn new(route: &'static str, unit: &'static str, baseline: &'static str) -> Self {
        Self { route, unit, baseline: Some(baseline), rounds: Vec::new() }
    }

    /// Figures whose names say their meaning.
    pub(crate) fn of_figures(route: &'static str) -> Self {
        Self { route, unit: "", baseline: None, rounds: Vec::new() }
    }

    pub(crate) fn add(&mut self, round: Vec<Sample>) {
        self.rounds.push(round);
    }

    pub(crate) fn print(&self, as_json: bool) {
        let cases = self.cases();
        if as_json {
            for case in &cases {
                let (values, ratio) = (self.values(case), self.ratio(case));
                let line = json!({
                    "route": self.route, "case": case, "unit": self.unit, "median": median(values.clone()),
                    "values": values, "baseline": self.baseline, "ratio": ratio,
                    "curve": self.place(case).map(|(curve, _)| curve), "at": self.place(case).map(|(_, place)| place),
                });
                println!("{line}");
            }
            return;
        }
        let mut table = Table::new();
        let unit = if self.unit.is_empty() { String::new() } else { format!(", {}", self.unit) };
        let mut header =
            vec![self.route.to_owned(), format!("median of {}{unit}", self.rounds.len()), "least to most".to_owned()];
        header.extend(self.baseline.map(|baseline| format!("over {baseline}")));
        table.load_preset(ASCII_MARKDOWN).set_header(header);
        for case in &cases {
            let mut values = self.values(case);
            values.sort_by(f64::total_cmp);
            let spread = format!("{} to {}", figure(values[0]), figure(values[values.len() - 1]));
            let mut row = vec![case.clone(), figure(median(values)), spread];
            row.extend(self.ratio(case).map(|ratio| format!("{ratio:.2}")));
            table.add_row(row);
        }
        println!("{table}\n");
    }

    /// In the order of the first round, which is that of the source.
    fn cases(&self) -> Vec<String> {
        self.rounds.first().map(|round| round.iter().map(|sample| sample.case.clone()).collect()).unwrap_or_default()
    }

    fn place(&self, case: &str) -> Option<&(String, usize)> {
        self.rounds.iter().flatten().find(|sample| sample.case == case)?.place.as_ref()
    }

    fn values(&self, case: &str) -> Vec<f64> {
        let samples = self.rounds.iter().flatten().filter(|sample| sample.case == case);
        samples.map(|sample| sample.value).collect()
    }

    fn ratio(&self, case: &str) -> Option<f64> {
        let baseline = self.baseline?;
        let of = |round: &Vec<Sample>, case: &str| {
            round.iter().find(|sample| sample.case == case).map(|sample| sample.value)
        };
        let ratios: Vec<f64> = self
            .rounds
            .iter()
            .filter_map(|round| Some(of(round, case)? / of(round, baseline)?))
            .filter(|ratio| ratio.is_finite())
            .collect();
        (!ratios.is_empty()).then(|| median(ratios))
    }
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    percentile(&mut values, 50)
}

/// The value that so many of a hundred are not above.
pub(crate) fn percentile(values: &mut [f64], percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * percent / 100).min(values.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
}

fn figure(value: f64) -> String {
    if value.abs() < 10.0 { format!("{value:.3}") } else { format!("{value:.0}") }
}
