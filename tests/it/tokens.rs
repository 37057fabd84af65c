//! Tokens at every door: kinds, forgeries, claims, keys. Numbers are those of the lifecycle cases.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use session_issuer::{
    Issuer, NewSession, Policy, Refresh, Requirement, Revoke, Update,
    error::ErrorKind,
    factor::FactorKind,
    id::{AppId, TenantId},
    issuer::{Decide, Exchange, OpenRequest},
    metadata::HostClaims,
    policy::Freshness,
    signer::{KeyRing, SecretKey, SignRequest, TokenSigner},
    testing::{ManualClock, block_on},
    token::TokenKeys,
};

use crate::world::*;

fn app() -> AppId {
    AppId::new("films").unwrap()
}

// 7 and 40 of the requirements
#[test]
fn each_kind_of_token_is_refused_at_every_door_but_its_own() {
    let (signed, opaque) = (World::new(Policy::default()), World::new(opaque_pairs()));
    let exact = World::over(Policy::tmdb(), signed.clock.clone(), signed.store.clone());
    let pair = signed.login("alice");
    let other = opaque.login("alice");
    let session = exact.login("alice");
    let request = block_on(exact.issuer.open(OpenRequest::new(app()))).unwrap();
    let uuid = pair.session_id().to_string();

    let check =
        |world: &World, token: &str| world.check(token).map(|_| ()).map_err(|error| error.kind());
    let refresh =
        |world: &World, token: &str| world.refresh(token).map(|_| ()).map_err(|error| error.kind());
    let wrong = Err(ErrorKind::WrongTokenKind);
    assert_eq!(check(&signed, pair.token()), Ok(()));
    assert_eq!(check(&signed, &refresh_of(&pair)), wrong);
    assert_eq!(check(&signed, request.token().unwrap()), wrong);
    assert_eq!(
        check(&signed, session.token()),
        Ok(()),
        "a session token checks wherever its store is"
    );
    assert_eq!(check(&signed, &uuid), Err(ErrorKind::MalformedToken), "an id is no credential");
    assert_eq!(check(&opaque, other.token()), Ok(()));
    for (world, token) in [
        (&signed, pair.token()),
        (&opaque, other.token()),
        (&exact, session.token()),
        (&exact, request.token().unwrap()),
    ] {
        let refused = refresh(world, token).unwrap_err();
        assert!(
            matches!(refused, ErrorKind::WrongTokenKind | ErrorKind::MalformedToken),
            "{refused:?}"
        );
    }
    for token in [session.token(), &refresh_of(&pair)] {
        refused(
            block_on(exact.issuer.exchange(Exchange::new(token, app()))),
            ErrorKind::WrongTokenKind,
        );
        refused(block_on(exact.issuer.decide(Decide::deny(token))), ErrorKind::WrongTokenKind);
    }
    refused(signed.issuer.verify(other.token()), ErrorKind::WrongTokenKind);
    for token in [&refresh_of(&pair), request.token().unwrap()] {
        refused(
            block_on(signed.issuer.update(Update::with_token(token))),
            ErrorKind::WrongTokenKind,
        );
    }
    refused(
        block_on(signed.issuer.revoke(Revoke::others_than(&refresh_of(&pair)))),
        ErrorKind::WrongTokenKind,
    );
}

// 36 and 13, 14, 69 of the requirements
#[test]
fn forged_cut_and_swapped_tokens_change_nothing_and_reach_no_store() {
    let world = World::new(opaque_pairs());
    let (alice, bob) = (world.login("alice"), world.login("bob"));
    let (a, b) = (refresh_of(&alice), refresh_of(&bob));
    let mut bad = vec![
        String::new(),
        "ses_".into(),
        "ses_r1_".into(),
        "ses_r2_AAAA".into(),
        "ses_x1_".to_owned() + &a[7..],
    ];
    bad.extend((0..a.len()).map(|end| a[..end].to_owned()));
    bad.extend(
        (7..a.len())
            .map(|at| format!("{}{}", &a[..at], &b[at..]))
            .filter(|mix| *mix != a && *mix != b),
    );
    bad.extend([
        format!("{a} "),
        format!(" {a}"),
        format!("{a}\0"),
        a.to_uppercase(),
        "A".repeat(1_000_000),
    ]);
    world.store.reset_calls();
    for token in &bad {
        for error in [
            world.check(token).unwrap_err(),
            world.refresh(token).unwrap_err(),
            world.issuer.verify(token).unwrap_err(),
            block_on(world.issuer.update(Update::with_token(token))).unwrap_err(),
            block_on(world.issuer.revoke(Revoke::token(token))).unwrap_err(),
            block_on(world.issuer.decide(Decide::deny(token))).unwrap_err(),
            block_on(world.issuer.exchange(Exchange::new(token, app()))).unwrap_err(),
        ] {
            assert!(
                matches!(
                    error.kind(),
                    ErrorKind::MalformedToken | ErrorKind::WrongTokenKind | ErrorKind::InvalidToken
                ),
                "{error:?}"
            );
            assert_eq!(error.public().code, "invalid_credential");
            assert!(!error.is_terminal());
            assert!(!format!("{error} {error:?}").contains(&a[10..30]), "{error:?}");
        }
    }
    assert_eq!(world.store.calls().total(), 0, "none of them was worth a read");
    world.refresh(&a).unwrap();
    world.refresh(&b).unwrap();
}

// 36: the key without the salt, and the salt's store without the key
#[test]
fn neither_a_leaked_key_nor_a_leaked_store_mints_a_token() {
    let world = World::new(opaque_pairs());
    let login = world.login("alice");
    // The same ids and clock over another store, so another salt: the key alone.
    let (clock, store) = (world.clock.clone(), World::new(opaque_pairs()).store);
    let other = World::over(opaque_pairs(), clock, store);
    refused(other.check(login.token()), ErrorKind::InvalidToken);
    // The same store under another key.
    let thief = Issuer::builder()
        .store(world.store.clone())
        .token_keys(TokenKeys::new(1, &secret(9)).unwrap())
        .clock(world.clock.clone())
        .policy(opaque_pairs())
        .build()
        .unwrap();
    let forged =
        block_on(thief.update(Update::as_host(login.session_id()).metadata("k", "v"))).unwrap();
    refused(world.check(forged.token()), ErrorKind::MalformedToken);
    refused(world.refresh(forged.refresh_token().unwrap()), ErrorKind::MalformedToken);
}

#[test]
fn token_keys_roll_and_the_tokens_of_a_session_outlive_the_roll() {
    let world = World::new(opaque_pairs());
    let start = ManualClock::START;
    let keys = TokenKeys::new(1, &secret(1))
        .unwrap()
        .roll(2, &secret(7), start.saturating_add(HOUR))
        .unwrap();
    let issuer = |keys: TokenKeys| {
        Issuer::builder()
            .store(world.store.clone())
            .token_keys(keys)
            .clock(world.clock.clone())
            .policy(opaque_pairs())
            .build()
            .unwrap()
    };
    let rolling = issuer(keys.clone());
    let first = world.login("alice");
    let before = block_on(rolling.refresh(Refresh::new(&refresh_of(&first)))).unwrap();
    world.advance(HOUR);
    // An answer given again after the roll is the same answer, minted under the old key.
    let again = block_on(rolling.refresh(Refresh::new(&refresh_of(&first)))).unwrap();
    assert_eq!(refresh_of(&again), refresh_of(&before));
    let after = block_on(rolling.refresh(Refresh::new(&refresh_of(&before)))).unwrap();
    block_on(rolling.check(after.token(), &Requirement::new())).unwrap();
    // A node that has not heard of the new key does not know its tokens, and breaks nothing.
    refused(world.refresh(&refresh_of(&after)), ErrorKind::InvalidToken);
    block_on(rolling.refresh(Refresh::new(&refresh_of(&after)))).unwrap();
}

// 44
#[test]
fn a_token_of_the_old_signing_key_is_good_until_it_expires() {
    let start = ManualClock::START;
    let ring = KeyRing::hs256("old", &secret(2)).unwrap();
    let rolled = ring
        .clone()
        .roll(SecretKey::hs256("new", &secret(3)).unwrap(), start.saturating_add(MINUTE))
        .unwrap();
    let world = World::new(Policy::default());
    let issuer = |ring: KeyRing| {
        Issuer::builder()
            .store(world.store.clone())
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(ring)
            .clock(world.clock.clone())
            .build()
            .unwrap()
    };
    let (rolling, retired) = (issuer(rolled), issuer(KeyRing::hs256("new", &secret(3)).unwrap()));
    let login = block_on(rolling.create(NewSession::for_subject(id("alice")))).unwrap();
    assert!(header(login.token()).contains("\"old\""));
    world.advance(2 * MINUTE);
    rolling.verify(login.token()).unwrap();
    let next = block_on(rolling.refresh(Refresh::new(&refresh_of(&login)))).unwrap();
    assert!(header(next.token()).contains("\"new\""));
    retired.verify(next.token()).unwrap();
    refused(retired.verify(login.token()), ErrorKind::InvalidToken);
}

fn header(token: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap()
}

fn payload(token: &str) -> serde_json::Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap())
        .unwrap()
}

#[test]
fn the_claims_of_a_signed_token_are_those_of_its_session() {
    let world = World::new(Policy::hanko());
    let new = NewSession::for_subject(id("alice")).verified_by_host(FactorKind::Password).claims(
        HostClaims::of([("email", serde_json::json!({"address": "a@example.com"}))]).unwrap(),
    );
    let login = world.create(new).unwrap();
    let claims = payload(login.token());
    let now = world.issuer.now().as_secs();
    assert_eq!(claims["sub"], "alice");
    assert_eq!(claims["iss"], "session-issuer");
    assert_eq!(claims["aud"], serde_json::json!(["session-issuer"]));
    assert_eq!(claims["iat"], now);
    assert_eq!(claims["exp"], now + 12 * 3600);
    assert_eq!(claims["sid"], login.session_id().to_string());
    assert_eq!(claims["session_id"], claims["sid"], "the preset's other name for it");
    assert_eq!((&claims["gen"], &claims["tenant"]), (&1.into(), &"default".into()));
    assert_eq!((&claims["amr"], &claims["acr"]), (&serde_json::json!(["pwd"]), &"aal1".into()));
    assert_eq!(claims["auth_time"], now);
    assert!(header(login.token()).contains(r#""typ":"JWT""#));
    let verified = world.issuer.verify(login.token()).unwrap();
    assert_eq!(verified.host().get("email").unwrap()["address"], "a@example.com");
    assert!(verified.host().get("session_id").is_none());
    assert!(!format!("{verified:?}").contains("alice"));
    // Nobody proved anything, or nobody is named: the claims are absent, not empty.
    let anonymous = payload(world.create(NewSession::anonymous()).unwrap().token());
    for absent in ["sub", "epo", "amr", "acr", "auth_time", "act"] {
        assert!(anonymous.get(absent).is_none(), "{absent}");
    }
}

// 42, 71
#[test]
fn a_check_says_when_the_session_has_newer_claims_than_its_token() {
    let world = World::new(Policy::default());
    let named = |name: &str| HostClaims::of([("name", name)]).unwrap();
    let login = world.create(NewSession::for_subject(id("alice")).claims(named("Alice"))).unwrap();
    assert!(!world.check(login.token()).unwrap().needs_refresh());
    let update = Update::as_host(login.session_id()).claims(named("Alicia"));
    let updated = block_on(world.issuer.update(update)).unwrap();
    assert_eq!(updated.session().record().generation(), 1, "no proof, no jump");
    let checked = world.check(login.token()).unwrap();
    assert!(checked.needs_refresh());
    assert_eq!(checked.claims().unwrap().host().get("name").unwrap(), "Alice");
    let next =
        block_on(world.issuer.refresh(Refresh::new(&refresh_of(&login)).claims(named("Ally"))))
            .unwrap();
    assert_eq!(world.issuer.verify(next.token()).unwrap().host().get("name").unwrap(), "Ally");
    let later = world.refresh(&refresh_of(&next)).unwrap();
    assert_eq!(
        world.issuer.verify(later.token()).unwrap().host().get("name").unwrap(),
        "Ally",
        "they are kept"
    );
}

// 41
#[test]
fn access_tokens_of_this_generation_and_the_one_before_pass_and_older_ones_must_refresh() {
    for policy in [Policy::default(), opaque_pairs()] {
        let world = World::new(policy);
        let first = world.login("alice");
        let second = world.refresh(&refresh_of(&first)).unwrap();
        let third = world.refresh(&refresh_of(&second)).unwrap();
        assert!(!world.check(third.token()).unwrap().needs_refresh());
        assert!(world.check(second.token()).unwrap().needs_refresh());
        let error = refused(world.check(first.token()), ErrorKind::RefreshRequired);
        assert!(!error.is_terminal());
        world.refresh(&refresh_of(&third)).unwrap();
    }
}

// 40
#[test]
fn verifying_reads_and_writes_nothing() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    world.store.reset_calls();
    for _ in 0..10 {
        world.issuer.verify(login.token()).unwrap();
        world
            .check_for(login.token(), &Requirement::new().freshness(Freshness::Stateless))
            .unwrap();
    }
    assert_eq!(world.store.calls().total(), 0);
}

// 51
#[test]
fn a_proof_or_a_counter_is_never_taken_from_a_token() {
    let world = World::new(Policy::default());
    let login = world
        .create(NewSession::for_subject(id("alice")).verified_by_host(FactorKind::Password))
        .unwrap();
    world.store.fail_all(true);
    let stateless = Requirement::new().freshness(Freshness::Stateless);
    world.check_for(login.token(), &stateless).unwrap();
    refused(
        world.check_for(login.token(), &stateless.factor(FactorKind::Password)),
        ErrorKind::Unavailable,
    );
}

/// Signs any payload with a key of the ring.
fn sign(payload: &serde_json::Value, typ: &str) -> String {
    sign_text(&payload.to_string(), typ)
}

fn sign_text(payload: &str, typ: &str) -> String {
    let ring = KeyRing::hs256("k1", &secret(2)).unwrap();
    let key = ring.signing_key(ManualClock::START).unwrap();
    let header = format!(r#"{{"alg":"HS256","kid":"k1","typ":"{typ}"}}"#);
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = block_on(ring.sign(SignRequest::new(&key, input.as_bytes()))).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

// 25 to 33 of the requirements
#[test]
fn claims_that_are_missing_mistyped_or_absurd_are_refused_although_the_signature_holds() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let good = payload(login.token());
    world.issuer.verify(&sign(&good, "at+jwt")).unwrap();
    let now = world.issuer.now().as_secs();
    let absurd = serde_json::json!([
        null,
        true,
        -1,
        1.5,
        18446744073709551615_u64,
        253402300800_i64,
        "1767225600",
        [],
        {}
    ]);
    // Times and audiences that could be another's are told apart from what nobody would write.
    let is_refused = |claim: &str, token: &str| {
        let error = world.issuer.verify(token).map(drop).unwrap_err();
        let is_right = match claim {
            "aud" => [ErrorKind::InvalidToken, ErrorKind::WrongAudience].contains(&error.kind()),
            "exp" | "iat" => {
                [ErrorKind::InvalidToken, ErrorKind::TokenExpired].contains(&error.kind())
            }
            _ => error.kind() == ErrorKind::InvalidToken,
        };
        assert!(is_right, "{claim}: {error:?} for {token}");
    };
    let mut tried = 0;
    for (claim, _) in good.as_object().unwrap() {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(claim);
        is_refused(claim, &sign(&without, "at+jwt"));
        for value in absurd.as_array().unwrap() {
            if claim == "epo" && value.as_i64() > Some(0)
                || ["jti", "sub"].contains(&claim.as_str()) && value.is_string()
            {
                continue; // an epoch is a number, and no time; a name may look like one
            }
            let mut with = good.clone();
            with[claim] = value.clone();
            is_refused(claim, &sign(&with, "at+jwt"));
            tried += 1;
        }
        let twice = good.to_string().replacen('{', &format!("{{\"{claim}\":{},", good[claim]), 1);
        refused(world.issuer.verify(&sign_text(&twice, "at+jwt")), ErrorKind::InvalidToken);
        let escaped = format!("\\u{:04x}{}", claim.as_bytes()[0], &claim[1..]);
        let twice = good.to_string().replacen('{', &format!("{{\"{escaped}\":{},", good[claim]), 1);
        refused(world.issuer.verify(&sign_text(&twice, "at+jwt")), ErrorKind::InvalidToken);
    }
    assert!(tried > 90);
    let with = |claim: &str, value: serde_json::Value| {
        let mut claims = good.clone();
        claims[claim] = value;
        world.issuer.verify(&sign(&claims, "at+jwt")).map(|_| ()).map_err(|error| error.kind())
    };
    assert_eq!(with("exp", now.into()), Err(ErrorKind::TokenExpired));
    assert_eq!(with("exp", (now + 1).into()), Ok(()));
    assert_eq!(
        with("exp", (now + 31 * 86400).into()),
        Err(ErrorKind::InvalidToken),
        "longer than any of ours"
    );
    assert_eq!(with("nbf", (now + 10).into()), Ok(()), "a sibling's clock");
    assert_eq!(with("nbf", (now + 11).into()), Err(ErrorKind::InvalidToken));
    assert_eq!(with("iat", (now + 11).into()), Err(ErrorKind::InvalidToken));
    assert_eq!(with("aud", "elsewhere".into()), Err(ErrorKind::WrongAudience));
    assert_eq!(with("aud", serde_json::json!(["session-issuer", 1])), Err(ErrorKind::InvalidToken));
    assert_eq!(with("aud", serde_json::json!(["else", "session-issuer"])), Ok(()));
    assert_eq!(with("iss", "Session-Issuer".into()), Err(ErrorKind::InvalidToken));
    assert_eq!(with("iss", serde_json::json!(["session-issuer"])), Err(ErrorKind::InvalidToken));
    assert_eq!(with("tenant", "other".into()), Err(ErrorKind::InvalidToken));
    assert_eq!(with("cnf", serde_json::json!({})), Err(ErrorKind::InvalidToken));
    let mut actors = serde_json::json!({"sub": "a"});
    for _ in 0..4 {
        actors = serde_json::json!({"sub": "a", "act": actors});
    }
    assert_eq!(with("act", actors), Err(ErrorKind::InvalidToken));
    assert_eq!(
        with("act", serde_json::json!({"sub": "a", "may": 1})),
        Err(ErrorKind::InvalidToken)
    );
    let deep = (0..40).fold(serde_json::json!(1), |inner, _| serde_json::json!([inner]));
    assert_eq!(with("host", deep), Err(ErrorKind::InvalidToken));
    refused(
        world.issuer.verify(&sign_text(&good.to_string().replace("1,", "1e400,"), "at+jwt")),
        ErrorKind::InvalidToken,
    );
    let nested = good.to_string().replacen('{', r#"{"x":{"a":1,"a":2},"#, 1);
    refused(world.issuer.verify(&sign_text(&nested, "at+jwt")), ErrorKind::InvalidToken);
    for payload in ["", "[]", "null", "{}", "{} {}", "\u{feff}{}"] {
        refused(world.issuer.verify(&sign_text(payload, "at+jwt")), ErrorKind::InvalidToken);
    }
    for typ in ["JWT", "rt+jwt", "", "at+jwt "] {
        refused(world.issuer.verify(&sign(&good, typ)), ErrorKind::MalformedToken);
    }
}

// 2, 3 and 11 of the requirements
#[test]
fn the_header_never_chooses_the_key_or_the_algorithm() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let rest = login.token().split_once('.').unwrap().1;
    let (body, signature) = rest.split_once('.').unwrap();
    let with = |header: &str, signature: &str| {
        let token = format!("{}.{body}.{signature}", URL_SAFE_NO_PAD.encode(header));
        world.issuer.verify(&token).map(|_| ()).map_err(|error| error.kind())
    };
    assert_eq!(
        with(r#"{"typ":"at+jwt","alg":"none","kid":"k1"}"#, ""),
        Err(ErrorKind::MalformedToken)
    );
    for header in [
        r#"{"typ":"at+jwt","alg":"RS256","kid":"k1"}"#,
        r#"{"typ":"at+jwt","alg":"EdDSA","kid":"k1"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","kid":"k2"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","kid":"../k1"}"#,
        r#"{"typ":"at+jwt","alg":"HS256","kid":"k1' OR '1'='1"}"#,
        r#"{"alg":"HS256","kid":"k1","typ":"at+jwt"}"#,
    ] {
        assert_eq!(with(header, signature), Err(ErrorKind::InvalidToken), "{header}");
    }
    for cut in [&signature[..40], "AAAA"] {
        assert_eq!(with(&header(login.token()), cut), Err(ErrorKind::InvalidToken));
    }
    assert_eq!(with(&header(login.token()), signature), Ok(()));
}

// 50 and 34 of the requirements
#[test]
fn a_signed_token_of_one_tenant_is_unknown_to_another() {
    let world = World::new(Policy::default());
    let other = world.issuer.tenant(TenantId::new("other").unwrap());
    let login = world.login("alice");
    refused(other.verify(login.token()), ErrorKind::InvalidToken);
    let same = block_on(other.create(NewSession::for_subject(id("alice")))).unwrap();
    refused(world.issuer.verify(same.token()), ErrorKind::InvalidToken);
    other.verify(same.token()).unwrap();
}

// 15, 16, 17
#[test]
fn configured_audiences_replace_the_default_and_checks_may_ask_for_one() {
    let build = |audience: &[&str]| {
        let builder = Issuer::builder()
            .store(crate::world::any_store())
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(KeyRing::hs256("k1", &secret(2)).unwrap())
            .name("https://id.example");
        audience
            .iter()
            .fold(builder, |builder, audience| builder.audience(*audience))
            .build()
            .unwrap()
    };
    let (plain, several) = (build(&[]), build(&["api", "web"]));
    let login =
        |issuer: &Issuer| block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    assert_eq!(payload(login(&plain).token())["aud"], serde_json::json!(["https://id.example"]));
    let token = login(&several);
    assert_eq!(payload(token.token())["aud"], serde_json::json!(["api", "web"]));
    let check = |audience: &str| {
        let need = Requirement::new().audience(audience);
        block_on(several.check(token.token(), &need)).map(|_| ()).map_err(|error| error.kind())
    };
    assert_eq!(
        (check("web"), check("ap"), check("mail")),
        (Ok(()), Err(ErrorKind::WrongAudience), Err(ErrorKind::WrongAudience))
    );
    refused(plain.verify(token.token()), ErrorKind::WrongAudience);
}

// 39 of the requirements
#[test]
fn without_randomness_nothing_is_made() {
    let issuer = Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(KeyRing::hs256("k1", &secret(2)).unwrap())
        .entropy(session_issuer::testing::SeededEntropy::failing())
        .build()
        .unwrap();
    let error = refused(
        block_on(issuer.create(NewSession::for_subject(id("alice")))),
        ErrorKind::Unavailable,
    );
    assert!(error.is_retryable());
    let failed = TokenKeys::generate(&session_issuer::testing::SeededEntropy::failing());
    assert_eq!(failed.unwrap_err().to_string(), "no randomness");
}
