//! The kinds of personal data.

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SensitiveKind {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A payment card's number.
    CreditCard,
    /// An international bank account number.
    Iban,
    /// A US social security number.
    Ssn,
    /// An IP address.
    IpAddress,
    /// A key, token or password of some service.
    ApiKey,
    /// A date of birth.
    DateOfBirth,
    /// A number that a state assigns to a person: passport, tax, health or identity card.
    NationalId,
}

impl SensitiveKind {
    /// All kinds, in the order of the public type.
    pub const ALL: [Self; 9] = [
        Self::Email,
        Self::Phone,
        Self::CreditCard,
        Self::Iban,
        Self::Ssn,
        Self::IpAddress,
        Self::ApiKey,
        Self::DateOfBirth,
        Self::NationalId,
    ];

    /// Returns the public spelling.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::CreditCard => "credit-card",
            Self::Iban => "iban",
            Self::Ssn => "ssn",
            Self::IpAddress => "ip-address",
            Self::ApiKey => "api-key",
            Self::DateOfBirth => "date-of-birth",
            Self::NationalId => "national-id",
        }
    }

    /// Parses the public spelling.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u16);

impl Kinds {
    pub(crate) fn add(&mut self, kind: SensitiveKind) {
        self.0 |= 1 << kind as u16;
    }

    pub(crate) fn has(self, kind: SensitiveKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }

    pub(crate) fn is_full(self) -> bool {
        self.0 == (1 << SensitiveKind::ALL.len()) - 1
    }

    pub(crate) fn list(self) -> Vec<SensitiveKind> {
        SensitiveKind::ALL.into_iter().filter(|&kind| self.has(kind)).collect()
    }
}

/// Personal data at a position in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The kind.
    pub kind: SensitiveKind,
    /// The offset of its first byte.
    pub from: usize,
    /// The offset after its last byte.
    pub to: usize,
}

/// The result of a scan: the kinds and, if requested, the positions.
#[derive(Debug, Default)]
pub(super) struct Finds {
    pub(super) kinds: Kinds,
    pub(super) spans: Option<Vec<Span>>,
}

impl Finds {
    /// Whether finding this kind would add anything.
    pub(super) fn wants(&self, kind: SensitiveKind) -> bool {
        self.spans.is_some() || !self.kinds.has(kind)
    }

    pub(super) fn is_done(&self) -> bool {
        self.spans.is_none() && self.kinds.is_full()
    }

    pub(super) fn add(&mut self, kind: SensitiveKind, from: usize, to: usize) {
        self.kinds.add(kind);
        if let Some(spans) = &mut self.spans {
            spans.push(Span { kind, from, to });
        }
    }
}
