//! The times of a token, around each boundary: R25 to R29, R38.

use super::{
    make::*,
    row::{CLAIMS, EXPIRED, FUTURE, INSTANT, Keys, LIFETIME, Refusal, Row, Sheet},
};

const KEYS: Keys = Keys::Hs256;
const DAY: i64 = 86_400;

pub fn rows(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "times", req: "R25 R26 R27 R28 R29 R38", keys: KEYS };
    let at = now();
    // A minute ago, so that the end can be moved over now.
    let old = || Payload::good().with("iat", at - 60).with("nbf", at - 60);
    for (name, payload) in [
        ("exp a second ahead", old().with("exp", at + 1)),
        ("nbf as far ahead as clocks may differ", Payload::good().with("nbf", at + 10)),
        ("iat as far ahead as clocks may differ", Payload::good().with("iat", at + 10)),
        ("a lifetime of 30 days", Payload::good().with("exp", at + 30 * DAY)),
        (
            "as old as the policy's longest",
            Payload::good().with("iat", at - 600).with("exp", at + 1),
        ),
        ("auth_time long ago", Payload::good().with("auth_time", 0)),
    ] {
        sheet.good(name, claiming(KEYS, &payload));
    }
    let mut bad = |name: &str, payload: Payload, refusal: Refusal| {
        sheet.bad(name, claiming(KEYS, &payload), refusal);
    };
    bad("exp now", old().with("exp", at), EXPIRED);
    bad("exp a second ago", old().with("exp", at - 1), EXPIRED);
    bad("exp 10 seconds ago, the tolerance of nbf", old().with("exp", at - 10), EXPIRED);
    bad("exp 0", old().with("exp", 0), EXPIRED);
    bad("exp 1", old().with("exp", 1), EXPIRED);
    bad("exp before iat, both past", old().with("exp", at - 120), EXPIRED);
    bad(
        "older than the policy's longest",
        Payload::good().with("iat", at - 601).with("exp", at + 1),
        EXPIRED,
    );
    bad(
        "older than the policy's longest, by a year",
        Payload::good().with("iat", at - 365 * DAY),
        EXPIRED,
    );
    bad("iat 0", Payload::good().with("iat", 0), EXPIRED);
    bad("nbf beyond the tolerance", Payload::good().with("nbf", at + 11), FUTURE);
    bad("nbf in an hour", Payload::good().with("nbf", at + 3600), FUTURE);
    bad("nbf in the year 9999", Payload::good().with("nbf", 253_402_300_799_i64), FUTURE);
    bad("nbf in milliseconds", Payload::good().with("nbf", at * 1000), INSTANT);
    bad("iat beyond the tolerance", Payload::good().with("iat", at + 11), FUTURE);
    bad("iat in an hour", Payload::good().with("iat", at + 3600).with("exp", at + 4200), FUTURE);
    bad("iat in the year 9999", Payload::good().with("iat", 253_402_300_799_i64), FUTURE);
    bad("iat in milliseconds", Payload::good().with("iat", at * 1000), INSTANT);
    bad("exp in milliseconds", Payload::good().with("exp", (at + 600) * 1000), INSTANT);
    bad("exp in microseconds", Payload::good().with("exp", (at + 600) * 1_000_000), INSTANT);
    bad("auth_time in milliseconds", Payload::good().with("auth_time", at * 1000), INSTANT);
    bad(
        "exp at iat, both ahead",
        Payload::good().with("iat", at + 5).with("exp", at + 5),
        LIFETIME,
    );
    bad(
        "exp before iat, both ahead",
        Payload::good().with("iat", at + 9).with("exp", at + 3),
        LIFETIME,
    );
    bad(
        "a lifetime of 30 days and 2 seconds",
        Payload::good().with("exp", at + 30 * DAY + 2),
        LIFETIME,
    );
    bad("a lifetime of a year", Payload::good().with("exp", at + 365 * DAY), LIFETIME);
    bad("exp in the year 9999", Payload::good().with("exp", 253_402_300_799_i64), LIFETIME);
    for name in ["exp", "nbf", "iat", "auth_time"] {
        for (value, refusal) in [
            ("-1", INSTANT),
            ("-9223372036854775808", INSTANT),
            ("9223372036854775807", INSTANT),
            ("253402300800", INSTANT),
            ("9223372036854775808", CLAIMS),
            ("18446744073709551615", CLAIMS),
            ("18446744073709551616", CLAIMS),
            ("-9223372036854775809", CLAIMS),
            ("1e400", CLAIMS),
            ("-1e400", CLAIMS),
            ("1e10", CLAIMS),
            ("1767225600.0", CLAIMS),
            ("1767225600.5", CLAIMS),
            ("1.7672256e9", CLAIMS),
            ("-0", CLAIMS),
            ("NaN", CLAIMS),
            ("Infinity", CLAIMS),
            ("-Infinity", CLAIMS),
            ("0x69567B80", CLAIMS),
            ("01767225600", CLAIMS),
            ("+1767225600", CLAIMS),
            ("1_767_225_600", CLAIMS),
            (r#""1767225600""#, CLAIMS),
            (r#""2026-01-01T00:00:00Z""#, CLAIMS),
            ("null", CLAIMS),
            ("true", CLAIMS),
            ("[]", CLAIMS),
            ("[1767225600]", CLAIMS),
            (r#"{"$serde_json::private::Number":"1767225600"}"#, CLAIMS),
        ] {
            bad(&format!("{name} {value}"), Payload::good().with(name, value), refusal);
        }
    }
}
