//! Several measurements of one thing.

use serde_json::Value;

/// The middle one, the least and the most; not a number where nothing was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            at(middle)
        } else {
            f64::midpoint(at(middle.wrapping_sub(1)), at(middle))
        };
        Self { least: at(0), median, most: at(values.len().wrapping_sub(1)) }
    }

    /// Of one field of all rounds.
    pub(crate) fn of_field(rounds: &Value, field: &str) -> Self {
        Self::of(values(rounds, field))
    }

    pub(crate) fn is_known(self) -> bool {
        self.median.is_finite()
    }

    pub(crate) fn show(self, digits: usize) -> String {
        if !self.is_known() {
            return "–".to_owned();
        }
        format!("{:.digits$} ({:.digits$} to {:.digits$})", self.median, self.least, self.most)
    }

    /// A time in microseconds: three digits where it is below one.
    pub(crate) fn show_us(self) -> String {
        self.show(if self.median < 1.0 { 3 } else { 2 })
    }
}

/// The 95 % bootstrap interval of the median: the same for the same values.
pub(crate) fn bootstrapped(values: &[f64]) -> (f64, f64) {
    const RESAMPLES: usize = 4_000;
    // Xorshift (Marsaglia 2003): any spread of indexes will do.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut index = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % values.len().max(1) as u64).unwrap_or(0)
    };
    let mut medians: Vec<f64> =
        (0..RESAMPLES).map(|_| Spread::of(values.iter().map(|_| values[index()]).collect()).median).collect();
    medians.sort_by(f64::total_cmp);
    (medians[RESAMPLES / 40], medians[RESAMPLES - RESAMPLES / 40 - 1])
}

/// A field of all rounds that have it.
pub(crate) fn values(rounds: &Value, field: &str) -> Vec<f64> {
    rounds.as_array().into_iter().flatten().filter_map(|round| round[field].as_f64()).collect()
}

/// One server's as a multiple of another's, for each round that has both.
pub(crate) fn ratios(rounds: &Value, base: &Value, field: &str) -> Vec<f64> {
    let of = |rounds: &Value| rounds.as_array().cloned().unwrap_or_default();
    let pairs = of(rounds).into_iter().zip(of(base));
    pairs.filter_map(|(own, base)| Some(own[field].as_f64()? / base[field].as_f64()?)).collect()
}

pub(crate) fn thousands(number: f64) -> String {
    let plain = format!("{number:.0}");
    let mut grouped = String::new();
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_holds_the_median_and_leaves_the_outlier_out() {
        let values: Vec<f64> = (1..=15).map(f64::from).chain([1_000.0]).collect();
        let (low, high) = bootstrapped(&values);
        assert!((4.0..8.5).contains(&low) && (8.5..14.0).contains(&high), "{low} to {high}");
        assert_eq!(bootstrapped(&[2.0; 5]), (2.0, 2.0));
        assert!(bootstrapped(&[]).0.is_nan());
    }

    #[test]
    fn a_round_without_one_of_both_is_no_pair() {
        let rounds = |values: [Option<f64>; 3]| {
            let round =
                |value: Option<f64>| value.map_or(Value::Null, |value| serde_json::json!({ "x": value }));
            Value::from(values.map(round).to_vec())
        };
        let (own, base) = (rounds([Some(2.0), None, Some(9.0)]), rounds([Some(1.0), Some(5.0), Some(3.0)]));
        assert_eq!(ratios(&own, &base, "x"), [2.0, 3.0]);
    }

    #[test]
    fn spreads() {
        assert_eq!(Spread::of(vec![3.0, 1.0, 2.0]).show(1), "2.0 (1.0 to 3.0)");
        assert_eq!(Spread::of(vec![1.0, 2.0]).show(2), "1.50 (1.00 to 2.00)");
        assert_eq!(Spread::of(Vec::new()).show(2), "–");
        assert_eq!((thousands(1_234_567.0), thousands(999.0)), ("1,234,567".to_owned(), "999".to_owned()));
        assert_eq!(thousands(-1234.0), "-1,234");
    }
}
