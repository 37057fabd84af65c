//! Signatures that only the arithmetic of a curve can make: ECDSA with r or s above the order,
//! Ed25519 with S above it or R of small order.

use curve25519_dalek::{
    constants::EIGHT_TORSION,
    edwards::EdwardsPoint,
    scalar::{Scalar, clamp_integer},
};
use p256::{
    ProjectivePoint,
    elliptic_curve::{PrimeField, ops::Reduce, sec1::FromSec1Point},
};
use sha2::{Digest, Sha256, Sha512};

use super::{
    make::*,
    row::{Keys, Row, SIGNATURE, Sheet},
    signature::P256_ORDER,
};

pub fn rows(rows: &mut Vec<Row>) {
    ecdsa(rows);
    ed25519(rows);
}

/// Numbers so small that the order added to them still fits into 32 bytes.
const SMALL_S: u64 = 7;
const SMALL_R: u8 = 5;

/// A key that was chosen after its one signature: (id, point, token, the same token with the order
/// added).
pub struct Chosen {
    pub id: &'static str,
    pub point: Vec<u8>,
    pub good: String,
    pub above: String,
}

pub fn chosen() -> [Chosen; 2] {
    [chosen_s(), chosen_r()]
}

/// Any point R and any s are a signature under the key (sR - zG) / r.
fn chosen_s() -> Chosen {
    let random = ProjectivePoint::GENERATOR * p256::Scalar::from(0x5e55_1055_u64);
    let r: [u8; 32] = point_bytes(&random)[1..33].try_into().unwrap();
    let mut s = [0; 32];
    s[24..].copy_from_slice(&SMALL_S.to_be_bytes());
    choose("e-small-s", random, r, s, |r, s| [*r, plus_order(s)].concat())
}

fn chosen_r() -> Chosen {
    // The first x from 5 on that a point of the curve has.
    let (x, random) = (SMALL_R..)
        .find_map(|x| {
            let mut bytes = [0; 33];
            (bytes[0], bytes[32]) = (2, x);
            let point = p256::Sec1Point::from_bytes(bytes).ok()?;
            let point: Option<p256::AffinePoint> =
                p256::AffinePoint::from_sec1_point(&point).into();
            Some((x, ProjectivePoint::from(point?)))
        })
        .unwrap();
    let (mut r, mut s) = ([0; 32], [0x11; 32]);
    r[31] = x;
    s[0] = 0;
    choose("e-small-r", random, r, s, |r, s| [plus_order(r), *s].concat())
}

fn choose(
    id: &'static str,
    random: ProjectivePoint,
    r: [u8; 32],
    s: [u8; 32],
    above: impl Fn(&[u8; 32], &[u8; 32]) -> Vec<u8>,
) -> Chosen {
    let header = format!(r#"{{"typ":"at+jwt","alg":"ES256","kid":"{id}"}}"#);
    let input = format!("{}.{}", encode(header), encode(Payload::good().text()));
    let scalar = |bytes: [u8; 32]| p256::Scalar::from_repr(bytes.into()).unwrap();
    let z = <p256::Scalar as Reduce<p256::FieldBytes>>::reduce(&Sha256::digest(&input));
    let key = (random * scalar(s) - ProjectivePoint::GENERATOR * z) * scalar(r).invert().unwrap();
    Chosen {
        id,
        point: point_bytes(&key),
        good: format!("{input}.{}", encode([r, s].concat())),
        above: format!("{input}.{}", encode(above(&r, &s))),
    }
}

fn point_bytes(point: &ProjectivePoint) -> Vec<u8> {
    use p256::elliptic_curve::sec1::ToSec1Point;
    point.to_affine().to_sec1_point(false).as_bytes().to_vec()
}

fn plus_order(number: &[u8; 32]) -> [u8; 32] {
    let (mut sum, mut carry) = ([0; 32], 0);
    for ((to, a), b) in sum.iter_mut().zip(number).zip(P256_ORDER).rev() {
        let of = u16::from(*a) + u16::from(b) + carry;
        (*to, carry) = (of.to_le_bytes()[0], of >> 8);
    }
    assert_eq!(carry, 0, "it does not fit");
    sum
}

fn ecdsa(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "signature-es256", req: "R01 R19", keys: Keys::Es256 };
    for Chosen { id, good, above, .. } in chosen() {
        sheet.good(format!("{id}: as it is"), good);
        sheet.bad(format!("{id}: with the order added"), above, SIGNATURE);
    }
}

/// S = r + H(R, A, M) a, whatever R is.
struct Ed {
    secret: Scalar,
    prefix: [u8; 32],
    public: [u8; 32],
}

impl Ed {
    fn new() -> Self {
        let hash: [u8; 64] = Sha512::digest(from_code(ED_SEED)).into();
        let (low, high) = hash.split_at(32);
        let secret = Scalar::from_bytes_mod_order(clamp_integer(low.try_into().unwrap()));
        Self {
            secret,
            prefix: high.try_into().unwrap(),
            public: from_code(ED_PUBLIC).try_into().unwrap(),
        }
    }

    fn hash(&self, domain: &[u8], random: &[u8; 32], message: &[u8]) -> Scalar {
        let hash =
            Sha512::new().chain_update(domain).chain_update(random).chain_update(self.public);
        Scalar::from_bytes_mod_order_wide(&hash.chain_update(message).finalize().into())
    }

    /// With this R for a commitment of zero, and for one that is as it should be where `honest`.
    fn sign(&self, domain: &[u8], torsion: EdwardsPoint, honest: bool, message: &[u8]) -> Vec<u8> {
        let hash =
            Sha512::new().chain_update(domain).chain_update(self.prefix).chain_update(message);
        let r = match honest {
            true => Scalar::from_bytes_mod_order_wide(&hash.finalize().into()),
            false => Scalar::ZERO,
        };
        let random = (EdwardsPoint::mul_base(&r) + torsion).compress().to_bytes();
        let s = r + self.hash(domain, &random, message) * self.secret;
        [random, s.to_bytes()].concat()
    }
}

fn from_code(text: &str) -> Vec<u8> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn ed25519(rows: &mut Vec<Row>) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let keys = Keys::EdDsa;
    let mut sheet = Sheet { rows, class: "signature-eddsa", req: "R01 R19", keys };
    let header = |alg: &str| format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"d1"}}"#);
    sheet.good(
        "Ed25519, its name in RFC 9864",
        token(keys, header("Ed25519"), Payload::good().text()),
    );
    let whole = good(keys);
    let input = whole.rsplit_once('.').unwrap().0;
    let (ed, right) = (Ed::new(), sign(keys, input.as_bytes()));
    assert_eq!(
        ed.sign(b"", EIGHT_TORSION[0], true, input.as_bytes()),
        right,
        "the arithmetic is that of the key"
    );
    let (r, s) = right.split_at(32);
    let plus = |times: u16| {
        let (mut sum, mut carry) = ([0; 32], 0);
        for ((to, a), b) in sum.iter_mut().zip(s).zip(ORDER) {
            let of = u16::from(*a) + u16::from(b) * times + carry;
            (*to, carry) = (of.to_le_bytes()[0], of >> 8);
        }
        sum
    };
    let mut high = s.to_vec();
    high[31] |= 0x80;
    let mut sign_bit = r.to_vec();
    sign_bit[31] ^= 0x80;
    let p = [&[0xed][..], &[0xff; 30], &[0x7f]].concat();
    for (name, bytes) in [
        ("S + L", [r, &plus(1)].concat()),
        ("S + 2 L", [r, &plus(2)].concat()),
        ("S + 8 L", [r, &plus(8)].concat()),
        ("S with its highest bit", [r, &high].concat()),
        ("S zero", [r, &[0; 32]].concat()),
        ("S the order", [r, &ORDER].concat()),
        ("R zero", [&[0; 32], s].concat()),
        ("R zero, S zero", vec![0; 64]),
        ("R the prime", [&p, s].concat()),
        ("R of the other sign", [&sign_bit, s].concat()),
        ("R the public key", [&ed.public, s].concat()),
        (
            "Ed25519ctx",
            ed.sign(
                b"SigEd25519 no Ed25519 collisions\0\x01x",
                EIGHT_TORSION[0],
                true,
                input.as_bytes(),
            ),
        ),
        (
            "Ed25519ph",
            ed.sign(
                b"SigEd25519 no Ed25519 collisions\x01\0",
                EIGHT_TORSION[0],
                true,
                &Sha512::digest(input.as_bytes()),
            ),
        ),
    ] {
        sheet.bad(name, format!("{input}.{}", encode(bytes)), SIGNATURE);
    }
    for (order, torsion) in EIGHT_TORSION.into_iter().enumerate() {
        let small = ed.sign(b"", torsion, false, input.as_bytes());
        sheet.bad(
            format!("R of small order, {order}"),
            format!("{input}.{}", encode(small)),
            SIGNATURE,
        );
        if order > 0 {
            let mixed = ed.sign(b"", torsion, true, input.as_bytes());
            sheet.bad(
                format!("R with a part of small order, {order}"),
                format!("{input}.{}", encode(mixed)),
                SIGNATURE,
            );
        }
    }
}
