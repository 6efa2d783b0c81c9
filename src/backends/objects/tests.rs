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
