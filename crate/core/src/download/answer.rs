//! Decides what to do with a response: whether to read its body, and what it reveals about the
//! file.

use std::ops::Range;

use serde::Serialize;

use super::head::{ContentRange, Head};
use super::ranges::Ranges;
use super::transfer::{Flight, Transfer};
use crate::{Error, Status, host};

/// What the driver does with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Body {
    /// Read the body.
    Take,
    /// Close the body unread.
    Drop,
    /// Close the body unread, and request the caller's address again: the redirect's target has
    /// expired.
    Resolve,
}

impl Transfer {
    /// Handles the response to a request.
    pub fn answered(&mut self, flight: u32, head: &Head) -> Body {
        let Some(asked) = self.flights.get(&flight).map(|it| it.range.clone()) else {
            return Body::Drop;
        };
        let refused = match head.status {
            200 | 206 if head.is_web_page() => Some(host::web_page()),
            200 => return self.take_whole(flight, head),
            206 => return self.take_part(flight, asked, head),
            // The file has no byte at or after the first one requested.
            416 if asked.start == 0 => Some(host::empty_file()),
            416 => {
                self.land(flight);
                self.begin_anew("the model's host reports a smaller file than before");
                return Body::Drop;
            }
            // A link that a redirect led to may have expired; a request to the original address
            // will show.
            400..=499 if head.redirected && head.status != 429 && self.may_resolve() => {
                self.land(flight);
                return Body::Resolve;
            }
            // Once bytes have arrived, a refusal means that a link inside the host's own redirect
            // expired.
            401 | 403 if self.has_brought => None,
            408 | 425 | 429 | 500..=599 => None,
            _ => Some(host::refusal(head.status)),
        };
        self.land(flight);
        match refused {
            Some(error) => self.fail(error),
            None => self.count_failure(flight, host::outage(head.status, head.retry_after)),
        }
        Body::Drop
    }

    fn take_whole(&mut self, flight: u32, head: &Head) -> Body {
        let Some(size) = head.content_length.or(self.size()) else {
            self.fail(size_unknown());
            return Body::Drop;
        };
        self.is_whole_only = true;
        if !self.is_same_file(size, head.etag.as_deref()) {
            return Body::Drop;
        }
        // Nothing proves that the stored bytes belong to this file.
        if head.etag.is_none() {
            self.journal.held = Ranges::default();
        }
        // Its bytes would overwrite those of every other request.
        self.flights.clear();
        self.flights.insert(flight, Flight::new(0..size));
        Body::Take
    }

    fn take_part(&mut self, flight: u32, asked: Range<u64>, head: &Head) -> Body {
        let stated = head.content_range.as_deref().and_then(ContentRange::parse);
        // If the header cannot be read, the length must match and the size be known.
        let (range, size) = match stated {
            Some(ContentRange { range: Some(range), size }) => (range, size.or(self.size())),
            _ => match head.content_length {
                Some(length)
                    if head.content_range.is_none() && length <= asked.end - asked.start =>
                {
                    (asked.start..asked.start + length, self.size())
                }
                _ => (0..0, None),
            },
        };
        if range.is_empty() || range.start != asked.start || range.end > asked.end {
            self.land(flight);
            self.count_failure(
                flight,
                Error::new(
                    Status::DataLoss,
                    "the model's host answered with other bytes than were asked for",
                )
                .with_code("RANGE_MISMATCH"),
            );
            return Body::Drop;
        }
        let Some(size) = size else {
            // Without a size, range requests cannot be planned: request the whole file, whose
            // length is always visible.
            self.land(flight);
            if self.is_whole_only {
                self.fail(size_unknown());
            }
            self.is_whole_only = true;
            return Body::Drop;
        };
        if range.end > size || !self.is_same_file(size, head.etag.as_deref()) {
            if range.end > size {
                self.land(flight);
                self.begin_anew("the model's host states a size that its own ranges exceed");
            }
            return Body::Drop;
        }
        if let Some(flight) = self.flights.get_mut(&flight) {
            flight.range = range;
        }
        Body::Take
    }

    /// Returns whether a response belongs to the file in the journal, and restarts the file if not.
    fn is_same_file(&mut self, size: u64, etag: Option<&str>) -> bool {
        if let Some(bytes) = self.expected.bytes.filter(|bytes| *bytes != size) {
            self.fail(
                Error::new(
                    Status::DataLoss,
                    format!("the model's host offers {size} bytes, {bytes} were expected"),
                )
                .with_code("SIZE_MISMATCH"),
            );
            return false;
        }
        let journal = &mut self.journal;
        let other_tag =
            matches!((&journal.etag, etag), (Some(known), Some(stated)) if known != stated);
        if journal.size.is_some_and(|known| known != size) || other_tag {
            self.begin_anew("the file at the model's address keeps changing");
            return false;
        }
        journal.size = Some(size);
        if journal.etag.is_none() {
            journal.etag = etag.map(str::to_owned);
        }
        self.confirm();
        true
    }
}

fn size_unknown() -> Error {
    Error::precondition("the model's host does not state the file's size; name it with `bytes`")
        .with_code("MODEL_SIZE_UNKNOWN")
}
