//! Personal data in requests.

use serde::Deserialize;

use crate::Request;

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
}

/// The kinds of personal data in a request.
#[must_use]
pub(crate) fn kinds_in(request: &Request) -> Vec<SensitiveKind> {
    let has = request.messages.iter().any(|m| m.joined_text().contains('@'));
    if has { vec![SensitiveKind::Email] } else { Vec::new() }
}
