//! The axes of a picture: values to pixels, and round values to mark.

/// A direction of a panel: values to pixels.
#[derive(Clone, Copy, Debug)]
pub(super) enum Axis {
    /// Equal steps.
    Linear { from: f64, to: f64, pixels: (f64, f64) },
    /// Equal ratios.
    Logarithmic { from: f64, to: f64, pixels: (f64, f64) },
}

impl Axis {
    pub(super) fn at(self, value: f64) -> f64 {
        let (share, (start, end)) = match self {
            Self::Linear { from, to, pixels } => ((value - from) / (to - from), pixels),
            Self::Logarithmic { from, to, pixels } => {
                ((value.max(from).ln() - from.ln()) / (to.ln() - from.ln()), pixels)
            }
        };
        start + share * (end - start)
    }

    /// Values for lines across the panel, not too many.
    pub(super) fn ticks(self) -> Vec<f64> {
        match self {
            Self::Linear { from, to, .. } => {
                let step = step_above((to - from) / 5.0);
                let first = (from / step).ceil() as i64;
                (first..)
                    .map(|number| number as f64 * step)
                    .take_while(|tick| *tick <= to * 1.000_001)
                    .collect()
            }
            Self::Logarithmic { from, to, .. } => {
                let steps: &[f64] = if to / from > 2_000.0 { &[1.0] } else { &[1.0, 2.0, 5.0] };
                let decades = (from.log10().floor() as i32)..=(to.log10().ceil() as i32);
                let all = decades.flat_map(|decade| steps.iter().map(move |step| step * 10_f64.powi(decade)));
                all.filter(|tick| *tick >= from * 0.999_999 && *tick <= to * 1.000_001).collect()
            }
        }
    }
}

/// The least of 1, 2 and 5 times a power of ten that is not below.
pub(super) fn step_above(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .map(|step| step * decade)
        .into_iter()
        .find(|step| *step >= value * 0.999_999)
        .unwrap_or(value)
}

/// The greatest of them that is not above.
fn step_below(value: f64) -> f64 {
    let decade = 10_f64.powf(value.log10().floor());
    [5.0, 2.0, 1.0]
        .map(|step| step * decade)
        .into_iter()
        .find(|step| *step <= value * 1.000_001)
        .unwrap_or(value)
}

/// An axis of latencies that has room for all of these.
pub(super) fn latency_axis(values: impl Iterator<Item = f64> + Clone, top: f64, bottom: f64) -> Axis {
    let least = values.clone().fold(f64::INFINITY, f64::min).max(1e-6);
    let most = values.fold(least, f64::max);
    let (from, to) = (step_below(least), step_above(most));
    // A flat line wants an axis, too.
    let to = if to <= from { from * 10.0 } else { to };
    Axis::Logarithmic { from, to, pixels: (bottom, top) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let linear = Axis::Linear { from: 0.0, to: 10.0, pixels: (0.0, 1.0) };
        assert_eq!(linear.ticks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        let logarithmic = Axis::Logarithmic { from: 0.2, to: 10.0, pixels: (0.0, 1.0) };
        let ticks: Vec<String> = logarithmic.ticks().into_iter().map(|tick| format!("{tick:.1}")).collect();
        assert_eq!(ticks, ["0.2", "0.5", "1.0", "2.0", "5.0", "10.0"]);
        assert_eq!((step_above(0.3), step_below(0.3), step_above(1.0)), (0.5, 0.2, 1.0));
    }
}
