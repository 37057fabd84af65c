//! Claims under a signature that holds: R08, R11, R12, R30 to R34, R37.

use super::{
    make::*,
    row::{
        ACTORS, AUDIENCE, CLAIMS, EPOCH, ISSUER, Keys, LEVEL, MISSING, Row, SIGNATURE, SUBJECT,
        Sheet, TENANT,
    },
};

const KEYS: Keys = Keys::Hs256;

pub fn rows(rows: &mut Vec<Row>) {
    missing_and_twice(rows);
    wrong_types(rows);
    issuers(rows);
    audiences(rows);
    names(rows);
    actors(rows);
    shapes(rows);
    unread(rows);
}

fn missing_and_twice(rows: &mut Vec<Row>) {
    let mut sheet =
        Sheet { rows, class: "claim-missing", req: "R25 R27 R28 R30 R31 R32", keys: KEYS };
    for (name, refusal) in [
        ("iss", ISSUER),
        ("tenant", TENANT),
        ("aud", MISSING),
        ("exp", MISSING),
        ("iat", MISSING),
        ("nbf", MISSING),
        ("jti", MISSING),
        ("sid", MISSING),
        ("gen", MISSING),
        ("sub", EPOCH),
        ("epo", EPOCH),
    ] {
        sheet.bad(name, claiming(KEYS, &Payload::good().without(name)), refusal);
        let (first, rest) = name.split_at(1);
        let capital = Payload::good()
            .without(name)
            .with(&(first.to_uppercase() + rest), Payload::good().get(name));
        sheet.bad(format!("{name}, in capitals instead"), claiming(KEYS, &capital), refusal);
    }
    sheet.good(
        "sub and epo, of a session of nobody",
        claiming(KEYS, &Payload::good().without("sub").without("epo")),
    );
    for name in ["auth_time", "amr", "acr"] {
        sheet.good(format!("{name}, which may be"), claiming(KEYS, &Payload::good().without(name)));
    }
    let mut sheet = Sheet { rows, class: "claim-twice", req: "R08", keys: KEYS };
    let good = Payload::good().with("act", r#"{"sub":"op"}"#).with("mine", "1");
    sheet.good("each of them once", claiming(KEYS, &good));
    for name in good.names() {
        let value = good.get(name);
        let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
        sheet.bad(name, claiming(KEYS, &good.clone().first(name, value)), CLAIMS);
        sheet.bad(
            format!("{name}, null first"),
            claiming(KEYS, &good.clone().first(name, "null")),
            CLAIMS,
        );
        sheet.bad(
            format!("{name}, escaped"),
            claiming(KEYS, &good.clone().first(&escaped, value)),
            CLAIMS,
        );
    }
    for (name, value) in [
        ("within a claim of the host's", r#"{"a":1,"a":1}"#),
        ("within it, escaped", r#"{"a":1,"\u0061":1}"#),
        ("within it, deeper", r#"[[{"b":{"a":1,"a":2}}]]"#),
        ("an empty name within it", r#"{"":1,"":2}"#),
    ] {
        sheet.bad(name, claiming(KEYS, &Payload::good().with("mine", value)), CLAIMS);
    }
}

fn wrong_types(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "claim-type", req: "R27 R29 R33", keys: KEYS };
    sheet.good("each of its own type", claiming(KEYS, &Payload::good()));
    for (name, value) in [("gen", "4294967295"), ("epo", "0"), ("amr", "[]"), ("acr", r#""aal3""#)]
    {
        sheet.good(format!("{name} {value}"), claiming(KEYS, &Payload::good().with(name, value)));
    }
    let every = [
        "null",
        "true",
        "-1",
        "1.5",
        "18446744073709551615",
        "1e400",
        "[]",
        "{}",
        "[null]",
        r#"{"a":1}"#,
    ];
    for name in ["iss", "sub", "aud", "jti", "sid", "gen", "epo", "tenant", "amr", "acr"] {
        for value in every {
            let refusal = match (name, value) {
                ("aud", "[]") => AUDIENCE,
                ("epo", "-1") => EPOCH,
                ("amr", "[]") => continue, // no method at all, which may be
                _ => CLAIMS,
            };
            sheet.bad(
                format!("{name} {value}"),
                claiming(KEYS, &Payload::good().with(name, value)),
                refusal,
            );
        }
    }
    for (name, value, refusal) in [
        ("gen", "0", MISSING),
        ("gen", "4294967296", CLAIMS),
        ("gen", "1.0", CLAIMS),
        ("gen", r#""1""#, CLAIMS),
        ("epo", "9223372036854775808", CLAIMS),
        ("epo", "-9223372036854775808", EPOCH),
        ("epo", "1767225600000.0", CLAIMS),
        ("epo", r#""1767225600000""#, CLAIMS),
        ("sid", r#""""#, CLAIMS),
        ("sid", r#""936da01f-9abd-4d9d-80c7-02af85c822a8""#, CLAIMS),
        ("sid", r#""019b76da940070008000000000000000a1""#, CLAIMS),
        ("sid", r#""{019b76da-9400-7000-8000-0000000000a1}""#, CLAIMS),
        ("sid", r#""urn:uuid:019b76da-9400-7000-8000-0000000000a1""#, CLAIMS),
        ("sid", r#""019b76da-9400-7000-8000-0000000000a1 ""#, CLAIMS),
        ("sid", r#""00000000-0000-0000-0000-000000000000""#, CLAIMS),
        ("sid", r#""ffffffff-ffff-ffff-ffff-ffffffffffff""#, CLAIMS),
        ("sid", r#"["019b76da-9400-7000-8000-0000000000a1"]"#, CLAIMS),
        ("amr", r#""pwd""#, CLAIMS),
        ("amr", r#"["pwd",1]"#, CLAIMS),
        ("amr", r#"["pwd",null]"#, CLAIMS),
        ("amr", r#"["PWD"]"#, CLAIMS),
        ("amr", r#"["god"]"#, CLAIMS),
        ("amr", r#"[["pwd"]]"#, CLAIMS),
        ("acr", r#""""#, LEVEL),
        ("acr", r#""aal4""#, LEVEL),
        ("acr", r#""AAL1""#, LEVEL),
        ("acr", r#""aal1 ""#, LEVEL),
        ("acr", r#""0""#, LEVEL),
        ("acr", r#"["aal1"]"#, CLAIMS),
        ("cnf", "{}", CLAIMS),
        ("cnf", r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#, CLAIMS),
        ("cnf", "null", CLAIMS),
        ("typ", r#""at+jwt""#, CLAIMS),
        ("typ", r#""refresh""#, CLAIMS),
    ] {
        sheet.bad(
            format!("{name} {value}"),
            claiming(KEYS, &Payload::good().with(name, value)),
            refusal,
        );
    }
}

fn issuers(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "iss", req: "R30 R34", keys: KEYS };
    sheet.good(
        "escaped",
        claiming(KEYS, &Payload::good().with("iss", r#""https:\/\/id\u002eexample""#)),
    );
    for iss in [
        "",
        " ",
        "https://id.example/",
        "https://id.exampl",
        "https://id.example.evil.example",
        "id.example",
        "http://id.example",
        "HTTPS://ID.EXAMPLE",
        "https://id.Example",
        "https://id.example ",
        " https://id.example",
        "https://id.example\\u0000",
        "https://id.example:443",
        "https://id.example#",
        "https://id.example?",
        "https://id.example@evil.example",
        "https://evil.example",
        "https://\u{456}d.example",
        "https://id.ex\u{430}mple",
        "https://id\u{3002}example",
        "https:\u{ff0f}\u{ff0f}id.example",
        "https://id.exa\u{ad}mple",
        "https://id.example\u{200b}",
        "https://%69d.example",
        "https://id.example/.",
        "https://id.example,https://evil.example",
        "*",
        "session-issuer",
        "null",
    ] {
        let payload = Payload::good().with("iss", format!("\"{iss}\""));
        sheet.bad(format!("{iss:?}"), claiming(KEYS, &payload), ISSUER);
    }
    for iss in [r#"["https://id.example"]"#, r#"["https://evil.example","https://id.example"]"#] {
        sheet.bad(iss, claiming(KEYS, &Payload::good().with("iss", iss)), CLAIMS);
    }
    for tenant in [
        "",
        "other",
        "Default",
        "default ",
        " default",
        "default\\u0000",
        "defaul",
        "defaultt",
        "*",
        "d\u{435}fault",
    ] {
        let payload = Payload::good().with("tenant", format!("\"{tenant}\""));
        sheet.bad(format!("tenant {tenant:?}"), claiming(KEYS, &payload), TENANT);
    }
    sheet.bad(
        "tenant, in an array",
        claiming(KEYS, &Payload::good().with("tenant", r#"["default"]"#)),
        CLAIMS,
    );
    // Another issuer's key, which has the same name there.
    let input = format!("{}.{}", encode(header(KEYS)), encode(Payload::good().text()));
    for (name, seed) in [("another tenant's key under our id", 3), ("a key of token keys", 1)] {
        let token =
            format!("{input}.{}", encode(hmac(&crate::world::secret(seed), input.as_bytes())));
        sheet.bad(name, token, SIGNATURE);
    }
}

fn audiences(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "aud", req: "R31", keys: KEYS };
    let meant = |aud: &str| claiming(KEYS, &Payload::good().with("aud", aud));
    for aud in [r#""api""#, r#"["web","api"]"#, r#"["api","api"]"#, r#"["\u0061pi"]"#] {
        sheet.good(aud, meant(aud));
    }
    for aud in [
        r#""""#,
        r#""ap""#,
        r#""apis""#,
        r#""API""#,
        r#""api ""#,
        r#"" api""#,
        r#""api,web""#,
        r#""api web""#,
        r#""api\u0000""#,
        r#""*""#,
        r#""\u0430pi""#,
        "[]",
        r#"[""]"#,
        r#"["web"]"#,
        r#"["ap","i"]"#,
        r#"["API"]"#,
        r#""https://id.example""#,
        r#"["https://id.example"]"#,
    ] {
        sheet.bad(aud, meant(aud), AUDIENCE);
    }
    for aud in [
        r#"["api",1]"#,
        r#"["api",null]"#,
        r#"[null,"api"]"#,
        r#"["api",["web"]]"#,
        r#"[["api"]]"#,
        r#"["api",{}]"#,
        r#"["api",true]"#,
        r#"{"api":"api"}"#,
        r#"{"0":"api"}"#,
        "1",
        "true",
    ] {
        sheet.bad(aud, meant(aud), CLAIMS);
    }
}

/// `sub` and `jti`: R32.
fn names(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "names", req: "R32 R75", keys: KEYS };
    let called = |sub: &str| claiming(KEYS, &Payload::good().with("sub", format!("\"{sub}\"")));
    sheet.good("a sub of 200 characters", called(&"x".repeat(200)));
    sheet.good("a sub of 200 characters of 4 bytes", called(&"\u{1F600}".repeat(200)));
    sheet.bad("an empty sub", called(""), SUBJECT);
    sheet.bad("a sub of 201 characters", called(&"x".repeat(201)), SUBJECT);
    sheet.bad("a sub of 1000 characters", called(&"x".repeat(1000)), SUBJECT);
    for sub in [
        "alice\\u0000",
        "\\u0000",
        "alice\\n",
        "a\\rb",
        "a\\tb",
        "\\u001b[31malice",
        "a\\u007fb",
        "a\\u0080b",
        "a\\u009fb",
        "\\u202eecila",
        "a\\u2066b",
        "a\\u200fb",
        "a\\u061cb",
    ] {
        sheet.bad(format!("sub {sub:?}"), called(sub), SUBJECT);
    }
    for sub in ["\\ud800", "\\udc00\\ud800", "alice\\ud83d", "a\u{1}b", "\\x41", "\\u00"] {
        sheet.bad(format!("sub {sub:?}"), called(sub), CLAIMS);
    }
    let known = |jti: &str| claiming(KEYS, &Payload::good().with("jti", format!("\"{jti}\"")));
    sheet.good("a jti of 64 bytes", known(&"x".repeat(64)));
    sheet.bad("an empty jti", known(""), MISSING);
    sheet.bad("a jti of 65 bytes", known(&"x".repeat(65)), MISSING);
    sheet.bad("a jti of 1000 bytes", known(&"x".repeat(1000)), MISSING);
}

/// R37, read back: who acts is an object of ours, at most four deep.
fn actors(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "act", req: "R08 R33 R37", keys: KEYS };
    let acting = |act: &str| claiming(KEYS, &Payload::good().with("act", act));
    let chain = |depth: usize| {
        (1..depth)
            .fold(r#"{"sub":"a"}"#.to_owned(), |inner, _| format!(r#"{{"sub":"a","act":{inner}}}"#))
    };
    sheet.good("four of them", acting(&chain(4)));
    let long = format!(r#"{{"sub":"{}"}}"#, "x".repeat(201));
    for act in [
        "null",
        "true",
        "1",
        "-1",
        "1.5",
        "18446744073709551615",
        r#""op""#,
        "[]",
        r#"["op"]"#,
        r#"[{"sub":"op"}]"#,
        "{}",
        r#"{"sub":""}"#,
        r#"{"sub":1}"#,
        r#"{"sub":null}"#,
        r#"{"sub":["op"]}"#,
        r#"{"sub":"a\u0000b"}"#,
        r#"{"sub":"\u202eop"}"#,
        r#"{"sid":"019b76da-9400-7000-8000-0000000000a1"}"#,
        r#"{"sub":"op","may":1}"#,
        r#"{"sub":"op","iss":"https://evil.example"}"#,
        r#"{"sub":"op","sid":null}"#,
        r#"{"sub":"op","sid":"x"}"#,
        r#"{"sub":"op","sid":"936da01f-9abd-4d9d-80c7-02af85c822a8"}"#,
        r#"{"sub":"op","sid":1}"#,
        r#"{"sub":"op","epo":null}"#,
        r#"{"sub":"op","epo":-1}"#,
        r#"{"sub":"op","epo":1.5}"#,
        r#"{"sub":"op","epo":"1"}"#,
        r#"{"sub":"op","epo":18446744073709551615}"#,
        r#"{"sub":"op","act":null}"#,
        r#"{"sub":"op","act":"root"}"#,
        r#"{"sub":"op","act":{}}"#,
        r#"{"sub":"op","act":[]}"#,
        r#"{"Sub":"op"}"#,
        long.as_str(),
    ] {
        sheet.bad(act.get(..60).unwrap_or(act), acting(act), ACTORS);
    }
    for depth in [5, 6, 15] {
        sheet.bad(format!("{depth} of them"), acting(&chain(depth)), ACTORS);
    }
    for (name, act) in [
        ("17 of them", chain(17)),
        ("100 of them", chain(100)),
        ("sub twice", r#"{"sub":"op","sub":"op"}"#.to_owned()),
        ("sub twice, once escaped", r#"{"sub":"op","su\u0062":"root"}"#.to_owned()),
        ("act twice", r#"{"sub":"op","act":{"sub":"a"},"act":{"sub":"b"}}"#.to_owned()),
        ("sub twice, behind the first", r#"{"sub":"op","act":{"sub":"a","sub":"b"}}"#.to_owned()),
        ("1e400", "1e400".to_owned()),
    ] {
        sheet.bad(name, acting(&act), CLAIMS);
    }
}

/// The payload as a whole: R12, R14.
fn shapes(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "payload-json", req: "R08 R12 R14", keys: KEYS };
    let good = Payload::good();
    let (text, deep) =
        (good.text(), |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth)));
    let many = |count: usize| {
        (0..count).fold(Payload::good(), |payload, n| payload.with(&format!("c{n}"), n))
    };
    sheet.good("128 claims of the host's", claiming(KEYS, &many(128)));
    sheet.good("16 levels", claiming(KEYS, &Payload::good().with("deep", deep(16))));
    sheet.bad("129 claims of the host's", claiming(KEYS, &many(129)), CLAIMS);
    for depth in [17, 100, 127, 128, 400] {
        sheet.bad(
            format!("{depth} levels"),
            claiming(KEYS, &Payload::good().with("deep", deep(depth))),
            CLAIMS,
        );
    }
    let objects = format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100));
    sheet.bad(
        "100 levels of objects",
        claiming(KEYS, &Payload::good().with("deep", objects)),
        CLAIMS,
    );
    sheet.bad("2000 levels that do not end", token(KEYS, header(KEYS), "[".repeat(2000)), CLAIMS);
    let inner = text.trim_matches(['{', '}']);
    for (name, payload) in [
        ("nothing", String::new()),
        ("a space", " ".to_owned()),
        ("null", "null".to_owned()),
        ("true", "true".to_owned()),
        ("a number", "1767225600".to_owned()),
        ("a text", "\"alice\"".to_owned()),
        ("a text of it", format!("{text:?}")),
        ("an empty array", "[]".to_owned()),
        ("an array of it", format!("[{text}]")),
        ("an array of its pairs", r#"[["iss","https://id.example"],["sub","alice"]]"#.to_owned()),
        ("two of them", format!("{text}{text}")),
        ("something behind it", format!("{text} x")),
        ("NUL behind it", format!("{text}\0")),
        ("a byte order mark in front of it", format!("\u{feff}{text}")),
        ("no end", text.trim_end_matches('}').to_owned()),
        ("a comma too many", format!("{{{inner},}}")),
        ("single quotes", text.replace('"', "'")),
        ("a comment", format!("{{/**/{inner}}}")),
        ("a raw line break in a text", text.replace("alice", "al\nice")),
        ("lines of JSON", format!("{text}\n{text}")),
        ("form-encoded", "iss=https://id.example&sub=alice".to_owned()),
        ("XML", "<claims sub=\"alice\"/>".to_owned()),
    ] {
        sheet.bad(name, token(KEYS, header(KEYS), payload), CLAIMS);
    }
    sheet.bad("an empty object", token(KEYS, header(KEYS), "{}"), ISSUER);
    for (name, bytes) in [
        ("a byte that is no UTF-8", &b"\xff"[..]),
        ("an overlong NUL", b"\xc0\x80"),
        ("half of a character", b"\xe2\x82"),
        ("a surrogate in UTF-8", b"\xed\xa0\x80"),
    ] {
        let (before, after) = text.split_once("alice").unwrap();
        sheet.bad(
            name,
            token(KEYS, header(KEYS), [before.as_bytes(), bytes, after.as_bytes()].concat()),
            CLAIMS,
        );
    }
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    sheet.bad("UTF-16", token(KEYS, header(KEYS), wide), CLAIMS);
    sheet.bad("CBOR", token(KEYS, header(KEYS), b"\xa1\x01\x61a"), CLAIMS);
}

/// R11: what a payload says is not looked at while its signature does not hold.
fn unread(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "unread", req: "R11", keys: KEYS };
    sheet.good("a payload that is read", good(KEYS));
    for (name, payload) in [
        ("a payload that is no JSON", "{".to_owned()),
        ("an expired one", Payload::good().with("exp", 1).text()),
        ("of another issuer", Payload::good().with("iss", "1").text()),
        ("for another audience", Payload::good().with("aud", r#""web""#).text()),
        ("a claim twice", Payload::good().first("sub", "1").text()),
        ("1000 levels", "[".repeat(1000)),
        ("1e400", Payload::good().with("exp", "1e400").text()),
        ("nothing", String::new()),
    ] {
        let input = format!("{}.{}", encode(header(KEYS)), encode(payload));
        let signature = encode(hmac(b"not the key at all, but 32 bytes", input.as_bytes()));
        sheet.bad(name, format!("{input}.{signature}"), SIGNATURE);
    }
    let input = format!("{}.*not base64url*", encode(header(KEYS)));
    sheet.bad("a payload that is no base64url", format!("{input}.{}", encode([7; 32])), SIGNATURE);
}
