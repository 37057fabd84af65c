//! Signed tokens: ours, `jsonwebtoken`'s, and the floor under both (the crypto crate with a cached
//! key, base64 on the stack, borrowed JSON, no policy).

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use session_issuer::{
    Issuer, NewSession, Policy, Requirement, SessionIssuer,
    entropy::SystemEntropy,
    factor::FactorKind,
    id::SubjectId,
    issuer::Issued,
    policy::{AccessFormat, Credentials, Freshness},
    signer::KeyRing,
    store::MemoryStore,
    testing::fixtures,
    token::TokenKeys,
};

use crate::{
    measure::{Operation, now},
    subject,
};

const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// One algorithm, with the same key in all three hands.
pub struct Case {
    pub name: &'static str,
    /// How many times faster than the peer ours shall be.
    pub verify_goal: Option<f64>,
    pub issue_goal: f64,
    ring: KeyRing,
    algorithm: jsonwebtoken::Algorithm,
    encoding: EncodingKey,
    decoding: DecodingKey,
    floor: Option<FloorKey>,
}

/// The algorithms that are measured. One more is one more entry.
pub fn cases() -> Vec<Case> {
    let secret: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(197).wrapping_add(11)).collect();
    let hs256 = Case {
        name: "HS256",
        verify_goal: Some(if cfg!(feature = "fast") { 2.0 } else { 1.5 }),
        issue_goal: 1.35,
        ring: KeyRing::hs256("2026-11", &secret).unwrap(),
        algorithm: jsonwebtoken::Algorithm::HS256,
        encoding: EncodingKey::from_secret(&secret),
        decoding: DecodingKey::from_secret(&secret),
        floor: Some(FloorKey::new(&secret)),
    };
    #[cfg(not(feature = "fast"))]
    return vec![hs256];
    #[cfg(feature = "fast")]
    std::iter::once(hs256).chain(asymmetric()).collect()
}

/// The default tree has no asymmetric keys.
#[cfg(feature = "fast")]
fn asymmetric() -> [Case; 3] {
    use jsonwebtoken::Algorithm as Peers;
    use session_issuer::{signer::SecretKey, token::Algorithm};

    macro_rules! key {
        ($file:literal) => {
            include_str!(concat!("../../../tests/vectors/keys/", $file))
        };
    }
    let case =
        |name, issue_goal, (ours, algorithm), pem, encoding: EncodingKey, decoding: DecodingKey| {
            let key = SecretKey::from_pem(ours, pem).unwrap().with_id("2026-11").unwrap();
            Case {
                name,
                verify_goal: None,
                issue_goal,
                ring: KeyRing::new(key),
                algorithm,
                encoding,
                decoding,
                floor: None,
            }
        };
    let (ec, ed, rsa) =
        (key!("p256.pkcs8.pem"), key!("ed25519.pkcs8.pem"), key!("rsa2048.pkcs8.pem"));
    [
        case(
            "ES256",
            1.6,
            (Algorithm::Es256, Peers::ES256),
            ec,
            EncodingKey::from_ec_pem(ec.as_bytes()).unwrap(),
            DecodingKey::from_ec_pem(key!("p256.public.pem").as_bytes()).unwrap(),
        ),
        case(
            "EdDSA",
            1.7,
            (Algorithm::EdDsa, Peers::EdDSA),
            ed,
            EncodingKey::from_ed_pem(ed.as_bytes()).unwrap(),
            DecodingKey::from_ed_pem(key!("ed25519.public.pem").as_bytes()).unwrap(),
        ),
        case(
            "RS256",
            1.95,
            (Algorithm::Rs256, Peers::RS256),
            rsa,
            EncodingKey::from_rsa_pem(rsa.as_bytes()).unwrap(),
            DecodingKey::from_rsa_pem(key!("rsa2048.public.pem").as_bytes()).unwrap(),
        ),
    ]
}

/// A token of a session, and the same claims as the peer writes them.
pub struct Tokens {
    pub issuer: Arc<dyn SessionIssuer>,
    inner: Issuer,
    session: Issued,
    token: String,
    claims: PeerClaims,
    pub payload_bytes: usize,
    header: Header,
    validation: Validation,
    case: Case,
}

/// What the peer reads and writes: the same claims.
#[derive(Debug, Serialize, Deserialize)]
pub struct PeerClaims {
    iss: String,
    sub: String,
    aud: Vec<String>,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    sid: String,
    r#gen: u32,
    epo: i64,
    tenant: String,
    auth_time: i64,
    amr: Vec<String>,
    acr: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct FloorClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    #[serde(borrow)]
    aud: [&'a str; 1],
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: &'a str,
    sid: &'a str,
    r#gen: u32,
    epo: i64,
    tenant: &'a str,
    auth_time: i64,
    #[serde(borrow)]
    amr: [&'a str; 1],
    acr: &'a str,
}

impl Tokens {
    pub fn new(case: Case) -> Self {
        let inner = Issuer::builder()
            .store(MemoryStore::new())
            .token_keys(TokenKeys::generate(&SystemEntropy).unwrap())
            .signer(case.ring.clone())
            .name(ISSUER)
            .audience(AUDIENCE)
            .policy(Policy::default().credentials(Credentials::Pair(AccessFormat::Signed)))
            .build()
            .unwrap();
        let subject = SubjectId::new(subject(7).to_string()).unwrap();
        let login = NewSession::for_subject(subject).verified_by_host(FactorKind::Password);
        let session = now(inner.create(login)).unwrap();
        let token = session.token().to_owned();
        let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        let claims = serde_json::from_slice(&payload).unwrap();
        let header = Header {
            typ: Some("at+jwt".to_owned()),
            kid: Some("2026-11".to_owned()),
            ..Header::new(case.algorithm)
        };
        let mut validation = Validation::new(case.algorithm);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[ISSUER]);
        validation.set_required_spec_claims(&["iss", "sub", "aud", "nbf", "exp"]);
        validation.validate_nbf = true;
        let issuer = Arc::new(inner.clone());
        Self {
            issuer,
            inner,
            session,
            token,
            claims,
            payload_bytes: payload.len(),
            header,
            validation,
            case,
        }
    }

    pub fn case(&self) -> &Case {
        &self.case
    }

    pub fn verify(&self) -> Operation<'_> {
        Operation::of(|| self.issuer.verify(&self.token).unwrap())
    }

    pub fn check_stateless(&self) -> Operation<'_> {
        let need = Requirement::new().freshness(Freshness::Stateless);
        Operation::of(move || now(self.issuer.check(self.token.as_str().into(), &need)).unwrap())
    }

    pub fn check(&self) -> Operation<'_> {
        let need = Requirement::new();
        Operation::of(move || now(self.issuer.check(self.token.as_str().into(), &need)).unwrap())
    }

    pub fn issue(&self) -> Operation<'_> {
        Operation::of(|| now(fixtures::access_token(&self.inner, self.session.session())).unwrap())
    }

    pub fn peer_decode(&self) -> Operation<'_> {
        Operation::of(|| {
            jsonwebtoken::decode::<PeerClaims>(&self.token, &self.case.decoding, &self.validation)
                .unwrap()
        })
    }

    pub fn peer_encode(&self) -> Operation<'_> {
        Operation::of(|| {
            jsonwebtoken::encode(&self.header, &self.claims, &self.case.encoding).unwrap()
        })
    }

    pub fn floor_verify(&self) -> Option<Operation<'_>> {
        let key = self.case.floor.as_ref()?;
        Some(Operation::of(|| {
            let (input, signature) = self.token.rsplit_once('.').unwrap();
            let (_, payload) = input.split_once('.').unwrap();
            let (mut tag, mut json) = ([0; 64], [0; 1024]);
            let tag_len = URL_SAFE_NO_PAD.decode_slice(signature, &mut tag).unwrap();
            assert!(key.verify(input.as_bytes(), &tag[..tag_len]));
            let length = URL_SAFE_NO_PAD.decode_slice(payload, &mut json).unwrap();
            let claims: FloorClaims<'_> = serde_json::from_slice(&json[..length]).unwrap();
            std::hint::black_box(&claims);
            claims.exp
        }))
    }

    pub fn floor_issue(&self) -> Option<Operation<'_>> {
        let key = self.case.floor.as_ref()?;
        let (header, _) = self.token.split_once('.').unwrap();
        let PeerClaims {
            iss,
            sub,
            aud,
            iat,
            nbf,
            exp,
            jti,
            sid,
            r#gen,
            epo,
            tenant,
            auth_time,
            amr,
            acr,
        } = &self.claims;
        Some(Operation::of(move || {
            let claims = FloorClaims {
                iss,
                sub,
                aud: [&aud[0]],
                iat: *iat,
                nbf: *nbf,
                exp: *exp,
                jti,
                sid,
                r#gen: *r#gen,
                epo: *epo,
                tenant,
                auth_time: *auth_time,
                amr: [&amr[0]],
                acr,
            };
            let mut json = Vec::with_capacity(512);
            serde_json::to_writer(&mut json, &claims).unwrap();
            let mut text = String::with_capacity(header.len() + 1024);
            text.push_str(header);
            text.push('.');
            URL_SAFE_NO_PAD.encode_string(&json, &mut text);
            let tag = key.sign(text.as_bytes());
            text.push('.');
            URL_SAFE_NO_PAD.encode_string(tag, &mut text);
            text
        }))
    }
}

/// HMAC by the crate that ours uses under the same features.
#[cfg(feature = "fast")]
struct FloorKey(aws_lc_rs::hmac::Key);

#[cfg(feature = "fast")]
impl FloorKey {
    fn new(secret: &[u8]) -> Self {
        Self(aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret))
    }
    fn sign(&self, message: &[u8]) -> [u8; 32] {
        aws_lc_rs::hmac::sign(&self.0, message).as_ref().try_into().unwrap()
    }
    fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        aws_lc_rs::hmac::verify(&self.0, message, tag).is_ok()
    }
}

#[cfg(not(feature = "fast"))]
struct FloorKey(hmac::Hmac<sha2::Sha256>);

#[cfg(not(feature = "fast"))]
impl FloorKey {
    fn new(secret: &[u8]) -> Self {
        Self(hmac::KeyInit::new_from_slice(secret).unwrap())
    }
    fn sign(&self, message: &[u8]) -> [u8; 32] {
        use hmac::Mac;
        self.0.clone().chain_update(message).finalize().into_bytes().into()
    }
    fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        use hmac::Mac;
        self.0.clone().chain_update(message).verify_slice(tag).is_ok()
    }
}
