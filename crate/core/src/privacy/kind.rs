//! The kinds of personal data.

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// A key or token of some service.
    ApiKey,
    /// A date of birth.
    DateOfBirth,
}

impl SensitiveKind {
    /// Every kind, in the order of the public type.
    pub const ALL: [Self; 8] = [
        Self::Email,
        Self::Phone,
        Self::CreditCard,
        Self::Iban,
        Self::Ssn,
        Self::IpAddress,
        Self::ApiKey,
        Self::DateOfBirth,
    ];

    /// The public spelling.
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
        }
    }

    /// Reads the public spelling.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) fn add(&mut self, kind: SensitiveKind) {
        self.0 |= 1 << kind as u8;
    }

    pub(crate) fn has(self, kind: SensitiveKind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    pub(crate) fn is_full(self) -> bool {
        self.0 == u8::MAX
    }

    pub(crate) fn list(self) -> Vec<SensitiveKind> {
        SensitiveKind::ALL.into_iter().filter(|&kind| self.has(kind)).collect()
    }
}
