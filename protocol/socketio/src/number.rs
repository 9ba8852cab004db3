//! Numbers as JavaScript writes them (ECMAScript, Number::toString), so that an event named by a number and a MessagePack
//! float read as they would there.

/// Appends a number; `NaN`, `Infinity` and `-Infinity` are no JSON.
pub(crate) fn write_number(out: &mut String, number: f64) {
    if !number.is_finite() {
        out.push_str(match number {
            _ if number.is_nan() => "NaN",
            _ if number.is_sign_negative() => "-Infinity",
            _ => "Infinity",
        });
        return;
    }
    // Rust's digits are the shortest that give the number back, as ECMAScript's are; of two that are equally near it may take
    // the other.
    let shortest = format!("{:e}", number.abs());
    let (mantissa, exponent) = shortest.split_once('e').unwrap_or((&shortest, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let digits = mantissa.replace('.', "");
    if number < 0.0 {
        out.push('-');
    }
    match usize::try_from(exponent) {
        Ok(exponent) if exponent < 21 => {
            let (whole, fraction) = digits.split_at(digits.len().min(exponent + 1));
            out.push_str(whole);
            out.extend(std::iter::repeat_n('0', exponent + 1 - whole.len()));
            push_fraction(out, fraction);
        }
        Err(_) if exponent >= -6 => {
            out.push_str("0.");
            out.extend(std::iter::repeat_n('0', exponent.unsigned_abs() as usize - 1));
            out.push_str(&digits);
        }
        _ => {
            let (first, fraction) = digits.split_at(1);
            out.push_str(first);
            push_fraction(out, fraction);
            out.push_str(if exponent.is_negative() { "e-" } else { "e+" });
            out.push_str(&exponent.unsigned_abs().to_string());
        }
    }
}

fn push_fraction(out: &mut String, fraction: &str) {
    if !fraction.is_empty() {
        out.push('.');
        out.push_str(fraction);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(number: f64) -> String {
        let mut out = String::new();
        write_number(&mut out, number);
        out
    }

    /// What `String(number)` gave in Node 20.
    #[test]
    fn numbers_look_as_they_do_in_javascript() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.5, "-1.5"),
            (10.0, "10"),
            (123_456.789, "123456.789"),
            (0.1, "0.1"),
            (0.000_001, "0.000001"),
            (0.000_001_5, "0.0000015"),
            (0.000_000_1, "1e-7"),
            (0.000_000_123, "1.23e-7"),
            (1e20, "100000000000000000000"),
            (1.5e20, "150000000000000000000"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1e21, "1e+21"),
            (1.25e21, "1.25e+21"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::from_bits(1), "5e-324"),
            (f64::from(0.1_f32), "0.10000000149011612"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
        ] {
            assert_eq!(written(number), text);
        }
    }

    proptest! {
        #[test]
        fn a_number_reads_as_itself(bits: u64) {
            let number = f64::from_bits(bits);
            let read: f64 = written(number).parse().expect("a number");
            prop_assert!(read == number || read.is_nan() && number.is_nan());
        }
    }
}
