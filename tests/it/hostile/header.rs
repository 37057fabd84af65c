//! The header but for its key and algorithm: R05 to R08, and its size.

use super::{
    make::*,
    row::{HEADER, HEADER_CODE, HEADER_LONG, Keys, Row, Sheet, TYP},
};

const KEYS: Keys = Keys::Hs256;

pub fn rows(rows: &mut Vec<Row>) {
    extensions(rows);
    types(rows);
    shapes(rows);
    sizes(rows);
}

fn signed(header: impl AsRef<[u8]>) -> String {
    token(KEYS, header, Payload::good().text())
}

/// Members that would change what a token means.
fn extensions(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "header-member", req: "R05 R06 R08", keys: KEYS };
    sheet.good("members in another order", signed(r#"{"kid":"k1","alg":"HS256","typ":"at+jwt"}"#));
    sheet.good(
        "spaces that JSON allows",
        signed("{ \"typ\" : \"at+jwt\",\r\n\t\"alg\":\"HS256\",\"kid\":\"k1\" }"),
    );
    for member in [
        r#""crit":[]"#,
        r#""crit":null"#,
        r#""crit":"exp""#,
        r#""crit":["exp"],"exp":1"#,
        r#""crit":["b64"],"b64":true"#,
        r#""crit":["b64"],"b64":false"#,
        r#""crit":["typ"]"#,
        r#""crit":["alg","kid"]"#,
        r#""crit":["http://evil.example/ext"],"http://evil.example/ext":true"#,
        r#""crit":["b64","b64"]"#,
        r#""crit":[1]"#,
        r#""crit":[""]"#,
        r#""\u0063rit":["exp"]"#,
        r#""CRIT":["exp"]"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""b64":null"#,
        r#""zip":"DEF""#,
        r#""zip":"GZ""#,
        r#""zip":null"#,
        r#""enc":"A128GCM""#,
        r#""enc":"none""#,
        r#""cty":"JWT""#,
        r#""cty":"at+jwt""#,
        r#""cty":null"#,
        r#""p2c":2147483647,"p2s":"AAAA""#,
        r#""epk":{}"#,
        r#""apu":"AAAA""#,
        r#""iv":"AAAA""#,
        r#""tag":"AAAA""#,
        r#""nonce":"1""#,
        r#""url":"https://evil.example""#,
        r#""ppt":"shaken""#,
        r#""iss":"https://id.example""#,
        r#""sub":"mallory""#,
        r#""exp":99999999999"#,
        r#""trust_chain":["AAAA"]"#,
        r#""":1"#,
        r#""__proto__":{"alg":"none"}"#,
        r#""constructor":{}"#,
        r#""typ ":"at+jwt""#,
        r#""x":1"#,
    ] {
        sheet.bad(
            member,
            signed(format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"k1",{member}}}"#)),
            HEADER,
        );
    }
    for (name, header) in [
        ("typ twice, the same", r#"{"typ":"at+jwt","typ":"at+jwt","alg":"HS256","kid":"k1"}"#),
        ("typ twice, another first", r#"{"typ":"JWT","alg":"HS256","kid":"k1","typ":"at+jwt"}"#),
        (
            "typ twice, once escaped",
            r#"{"t\u0079p":"JWT","alg":"HS256","kid":"k1","typ":"at+jwt"}"#,
        ),
    ] {
        sheet.bad(name, signed(header), HEADER);
    }
}

/// Every type but the policy's.
fn types(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "typ", req: "R07", keys: KEYS };
    let typed = |typ: &str| signed(format!(r#"{{"typ":{typ},"alg":"HS256","kid":"k1"}}"#));
    sheet.good("in capitals", typed(r#""AT+JWT""#));
    sheet.good("the whole media type", typed(r#""application/at+jwt""#));
    sheet.good("the whole media type, in capitals", typed(r#""APPLICATION/At+Jwt""#));
    sheet.good("escaped", typed(r#""at\u002bjwt""#));
    for typ in [
        "",
        "JWT",
        "jwt",
        "application/jwt",
        "at",
        "jwt+at",
        "at+jwt ",
        " at+jwt",
        "at+jwt\\u0000",
        "at+jwt\\n",
        "at+jwt;v=1",
        "at+jwt,JWT",
        "at jwt",
        "at_jwt",
        "at-jwt",
        "at+jws",
        "at+jwtt",
        "aat+jwt",
        "at%2Bjwt",
        "application/",
        "application/application/at+jwt",
        "text/at+jwt",
        "application//at+jwt",
        "application\\\\at+jwt",
        "rt+jwt",
        "refresh+jwt",
        "id+jwt",
        "request+jwt",
        "oauth-authz-req+jwt",
        "logout+jwt",
        "secevent+jwt",
        "dpop+jwt",
        "dbsc+jwt",
        "kb+jwt",
        "sd+jwt",
        "vc+sd-jwt",
        "JOSE",
        "JOSE+JSON",
        "\u{430}t+jwt",
        "at\u{ff0b}jwt",
        "a\u{301}t+jwt",
        "\u{212a}",
        "null",
    ] {
        sheet.bad(format!("{typ:?}"), typed(&format!("\"{typ}\"")), TYP);
    }
    for typ in ["null", "1", "true", "[]", r#"["at+jwt"]"#, "{}"] {
        sheet.bad(typ, typed(typ), HEADER);
    }
    sheet.bad("missing", signed(r#"{"alg":"HS256","kid":"k1"}"#), HEADER);
}

/// What is no JSON object of ours.
fn shapes(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "header-json", req: "R08 R09 R14", keys: KEYS };
    let good = header(KEYS);
    sheet.good("an object", signed(&good));
    let inner = good.trim_matches(['{', '}']);
    for (name, header) in [
        ("nothing", String::new()),
        ("an empty object", "{}".to_owned()),
        ("null", "null".to_owned()),
        ("a number", "7".to_owned()),
        ("a text", format!("{good:?}")),
        ("an array of it", format!("[{good}]")),
        ("an array of its values", r#"["HS256","k1","at+jwt"]"#.to_owned()),
        ("an array of its pairs", r#"[["alg","HS256"],["kid","k1"],["typ","at+jwt"]]"#.to_owned()),
        ("an object within", format!(r#"{{"header":{good}}}"#)),
        ("two of them", format!("{good}{good}")),
        ("two of them, apart", format!("{good} {{}}")),
        ("something behind it", format!("{good}x")),
        ("a NUL behind it", format!("{good}\0")),
        ("a space in front of it", format!(" {good}")),
        ("a byte order mark in front of it", format!("\u{feff}{good}")),
        ("no end", good.trim_end_matches('}').to_owned()),
        ("a comma too many", format!("{{{inner},}}")),
        ("a comma in front", format!("{{,{inner}}}")),
        ("single quotes", good.replace('"', "'")),
        ("names without quotes", good.replace("\"alg\"", "alg")),
        ("a comment", format!("{{/* */{inner}}}")),
        ("a comment to the end", format!("{good}//")),
        ("a raw line break in a text", good.replace("k1", "k\n1")),
        ("a raw NUL in a text", good.replace("k1", "k1\0")),
        ("half of a pair of surrogates", good.replace("k1", "k1\\ud800")),
        ("an escape that is none", good.replace("k1", "k\\1")),
        ("100 levels deep", format!("{{\"x\":{}1{},{inner}}}", "[".repeat(100), "]".repeat(100))),
        ("200 levels open", format!("{{{inner},\"x\":{}", "[".repeat(200))),
        ("a number that fits no type", format!("{{{inner},\"x\":1e400}}")),
        ("not a number", format!("{{{inner},\"x\":NaN}}")),
    ] {
        sheet.bad(name, signed(header), HEADER);
    }
    let bytes = |with: &[u8]| good.replace("k1", "k1?").into_bytes().splice_all(b'?', with);
    for (name, with) in [
        ("a byte that is no UTF-8", &b"\xff"[..]),
        ("an overlong NUL", b"\xc0\x80"),
        ("half of a character", b"\xe2\x82"),
        ("a surrogate in UTF-8", b"\xed\xa0\x80"),
        ("beyond the last character", b"\xf4\x90\x80\x80"),
    ] {
        sheet.bad(name, signed(bytes(with)), HEADER);
    }
    let wide: Vec<u8> = good.encode_utf16().flat_map(u16::to_le_bytes).collect();
    sheet.bad("UTF-16", signed(wide), HEADER);
    sheet.bad("compressed (gzip's first bytes)", signed(b"\x1f\x8b\x08\0\0\0\0\0"), HEADER);
}

/// 1 KiB, and more.
fn sizes(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "header-size", req: "R12", keys: KEYS };
    let length = header(KEYS).len();
    let padded =
        |bytes: usize| header(KEYS).replacen('{', &format!("{{{}", " ".repeat(bytes - length)), 1);
    assert_eq!(padded(1024).len(), 1024);
    sheet.good("1024 bytes", signed(padded(1024)));
    for bytes in [1025, 1026, 2048] {
        sheet.bad(format!("{bytes} bytes"), signed(padded(bytes)), HEADER_LONG);
    }
    let long = |text: &str| {
        format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"k1","x":"{}"}}"#, text.repeat(1100))
    };
    sheet.bad("a member of 1100 bytes", signed(long("x")), HEADER_LONG);
    let full = encode(header(KEYS));
    sheet.bad(
        "1366 letters, and no JSON",
        sealed(KEYS, &format!("{}.e30", "A".repeat(1366))),
        HEADER,
    );
    sheet.bad(
        "1365 letters, which no bytes make",
        sealed(KEYS, &format!("{}.e30", "A".repeat(1365))),
        HEADER_CODE,
    );
    sheet.bad("1367 letters", sealed(KEYS, &format!("{}.e30", "A".repeat(1367))), HEADER_LONG);
    sheet.bad("twice over", sealed(KEYS, &format!("{full}{full}.e30")), HEADER_CODE);
}

trait SpliceAll {
    fn splice_all(self, mark: u8, with: &[u8]) -> Vec<u8>;
}

impl SpliceAll for Vec<u8> {
    /// The bytes with others in the place of a mark.
    fn splice_all(self, mark: u8, with: &[u8]) -> Vec<u8> {
        self.into_iter()
            .flat_map(|byte| if byte == mark { with.to_vec() } else { vec![byte] })
            .collect()
    }
}
