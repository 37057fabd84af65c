//! Measures session-issuer next to other crates: what both the benches and the report drive.
//!
//! | file | what is there |
//! | --- | --- |
//! | `measure` | how one operation is timed, and two in turns |
//! | `counting` | an allocator that counts |
//! | `ours`, `guard`, `tower` | a store of so many sessions, and the operations on it |
//! | `tokens` | signed tokens: ours, `jsonwebtoken`'s, and the floor under both |
//! | `map` | a bare map of the same size |

pub mod counting;
pub mod guard;
pub mod map;
pub mod measure;
pub mod ours;
pub mod tokens;
pub mod tower;

/// A browser: 111 characters.
pub const AGENT: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36";

/// What is known of the client of a session.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// Its address at most.
    Bare,
    /// A user agent and an address.
    Browser,
}

/// The subject of this number, as long as a UUID, which most hosts' subjects are.
pub fn subject(number: u64) -> uuid::Uuid {
    uuid::Uuid::from_u64_pair(number.wrapping_mul(0x9e37_79b9_7f4a_7c15), number)
}

/// Texts that lie one behind the other in random order: reading the next costs no cache miss, what
/// it names does.
pub struct Shuffled {
    text: String,
    ends: Vec<usize>,
    at: usize,
}

impl Shuffled {
    pub fn new(mut texts: Vec<String>) -> Self {
        let mut random = Random(texts.len() as u64 + 1);
        for at in (1..texts.len()).rev() {
            texts.swap(at, random.below(at + 1));
        }
        let mut shuffled = Self { text: String::new(), ends: Vec::new(), at: 0 };
        for text in texts {
            shuffled.text.push_str(&text);
            shuffled.ends.push(shuffled.text.len());
        }
        shuffled
    }

    /// The same texts from another place on.
    pub fn from(&self, at: usize) -> Self {
        Self { text: self.text.clone(), ends: self.ends.clone(), at }
    }

    pub fn following(&mut self) -> &str {
        if self.at >= self.ends.len() {
            self.at = 0;
        }
        let from = self.at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.at += 1;
        &self.text[from..self.ends[self.at - 1]]
    }
}

/// Numbers in no order (xorshift).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}
