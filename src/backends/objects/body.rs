//! The body of an object: limited in size and time.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;

/// The size limit for reading; far above a legacy state with ten thousand users.
const SIZE_LIMIT: usize = 16 * 1024 * 1024;

/// The time limit of a body. The time limits of the SDK end with the headers.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a body was not read.
pub(super) enum BodyError {
    TooLarge,
    Closed,
}

/// Reads a body of at most [`SIZE_LIMIT`], whatever length it announces.
pub(super) async fn read_body(mut body: ByteStream, length: usize) -> Result<Vec<u8>, BodyError> {
    if length > SIZE_LIMIT {
        return Err(BodyError::TooLarge);
    }
    // Room for all of it from the beginning, so that growing leaves no copy of a secret behind.
    let mut text = Vec::with_capacity(length);
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| BodyError::Closed)?;
        if text.len() + chunk.len() > SIZE_LIMIT {
            return Err(BodyError::TooLarge);
        }
        text.extend_from_slice(&chunk);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_cut_off_at_the_limit_whatever_length_it_announces() {
        let body = |length: usize| ByteStream::from(vec![b' '; length]);
        let read = read_body(body(SIZE_LIMIT), SIZE_LIMIT).await;
        assert!(read.is_ok_and(|text| text.len() == SIZE_LIMIT));
        for announced in [0, SIZE_LIMIT, usize::MAX] {
            let read = read_body(body(SIZE_LIMIT + 1), announced).await;
            assert!(matches!(read, Err(BodyError::TooLarge)), "{announced}");
        }
    }
}
