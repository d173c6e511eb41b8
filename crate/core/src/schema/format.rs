//! String formats as ECMA-262 patterns that every engine supports.

macro_rules! date {
    () => {
        concat!(
            "(?:",
            "[0-9]{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)",
            "|02-(?:0[1-9]|1[0-9]|2[0-8]))",
            // February 29 in years divisible by 4, but not by 100 unless by 400.
            "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29",
            ")"
        )
    };
}
macro_rules! time {
    ($utc:literal) => {
        concat!(
            r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?",
            "(?:",
            $utc,
            r"|[+\-](?:[01][0-9]|2[0-3]):[0-5][0-9])"
        )
    };
}

/// Returns the pattern for validating a format. It is lenient: an unusual answer of a cloud model
/// must not be rejected. Unknown formats are ignored.
#[must_use]
pub fn format_pattern(format: &str) -> Option<&'static str> {
    Some(match format {
        "email" => r"^[^\s@]+@[^\s@]+$",
        "uri" => r"^[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>{}|\\^`]*$",
        // The standard allows small letters, but no schema requires them.
        "time" => concat!("^", time!("[Zz]"), "$"),
        "date-time" => concat!("^", date!(), "[Tt]", time!("[Zz]"), "$"),
        other => return generated_format_pattern(other),
    })
}

/// Returns the pattern for generating a format. It is strict, so that every validator accepts the
/// result.
#[must_use]
pub fn generated_format_pattern(format: &str) -> Option<&'static str> {
    macro_rules! host {
        () => {
            r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,30}[A-Za-z0-9])?\.){1,4}[A-Za-z]{2,12}"
        };
    }
    Some(match format {
        "date" => concat!("^", date!(), "$"),
        "time" => concat!("^", time!("Z"), "$"),
        "date-time" => concat!("^", date!(), "T", time!("Z"), "$"),
        "email" => {
            concat!(r"^[A-Za-z0-9_+\-]{1,30}(?:\.[A-Za-z0-9_+\-]{1,15}){0,2}@", host!(), "$")
        }
        "uuid" => "^[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}$",
        "uri" => concat!(
            r"^[A-Za-z][A-Za-z0-9+.\-]{1,15}:(?://",
            host!(),
            r"(?::[1-9][0-9]{0,3})?(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@\-]|%[0-9A-Fa-f]{2})*)*",
            r"|[A-Za-z0-9](?:[A-Za-z0-9._~!$&'()*+,;=:@\-]|%[0-9A-Fa-f]{2})*)",
            r"(?:\?(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\-]|%[0-9A-Fa-f]{2})*)?",
            r"(?:#(?:[A-Za-z0-9._~!$&'()*+,;=:@/?\-]|%[0-9A-Fa-f]{2})*)?$"
        ),
        "ipv4" => {
            r"^(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])$"
        }
        _ => return None,
    })
}
