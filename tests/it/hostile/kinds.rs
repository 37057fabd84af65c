//! Each kind of token at every door but its own: R07, R40.

use super::{
    doors::Door,
    make::*,
    opaque::Mint,
    row::{Keys, PARTS, Row, Sheet},
};

pub fn rows(rows: &mut Vec<Row>) {
    let session = [
        Door::CheckStore,
        Door::CheckStateless,
        Door::CheckAtMost,
        Door::Update,
        Door::RevokeOthers,
    ];
    let requests = [Door::Decide, Door::Exchange];
    let kinds = [
        ("signed access", good(Keys::Hs256), vec![Door::Refresh, Door::Decide, Door::Exchange]),
        ("opaque access", Mint::new(b'a').token(), [&[Door::Refresh][..], &requests].concat()),
        ("refresh", Mint::new(b'r').token(), [&session[..], &requests].concat()),
        ("session", Mint::new(b's').token(), [&[Door::Refresh][..], &requests].concat()),
        ("request", Mint::new(b'q').token(), [&session[..], &[Door::Refresh]].concat()),
    ];
    for (name, token, mut doors) in kinds {
        let signed = name == "signed access";
        if !signed {
            doors.extend([Door::Verify, Door::Verifier, Door::VerifierFetch]);
        }
        for door in doors {
            let keys = if signed { Keys::Hs256 } else { Keys::Opaque };
            let refusal = match signed {
                true => ("malformed_token", "not an opaque token"),
                false => ("wrong_token_kind", ""),
            };
            let mut sheet = Sheet { rows, class: "kind", req: "R07", keys };
            sheet.bad(format!("{name} at {}", door.name()), token.as_str(), refusal);
            rows.last_mut().unwrap().door = door.name().to_owned();
        }
    }
    let own = [
        ("signed access", good(Keys::Hs256), [&session[..], &[Door::Verify]].concat()),
        ("opaque access", Mint::new(b'a').token(), session.to_vec()),
        ("refresh", Mint::new(b'r').token(), vec![Door::Refresh]),
        ("session", Mint::new(b's').token(), session.to_vec()),
        ("request", Mint::new(b'q').token(), requests.to_vec()),
    ];
    for (name, token, doors) in own {
        for door in doors {
            let keys = if name == "signed access" { Keys::Hs256 } else { Keys::Opaque };
            let mut sheet = Sheet { rows, class: "kind", req: "R07", keys };
            sheet.good(format!("{name} at {}", door.name()), token.as_str());
            rows.last_mut().unwrap().door = door.name().to_owned();
        }
    }
    let mut sheet = Sheet { rows, class: "no-credential", req: "R40", keys: Keys::Hs256 };
    sheet.good("a token of that session", good(Keys::Hs256));
    for (name, text) in [
        ("a session's id", PAIR),
        ("an id without lines", "019b76da940070008000000000000000a1"),
        ("a request's id", REQUEST),
        ("a subject", "alice"),
        ("a token's name", "AAECAwQFBgcICQoL"),
        ("a key's id", "k1"),
        ("a URN", "urn:uuid:019b76da-9400-7000-8000-0000000000a1"),
    ] {
        sheet.bad(name, text, PARTS);
    }
}
