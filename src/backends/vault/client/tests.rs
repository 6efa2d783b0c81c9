use super::*;

#[test]
fn retry_after_is_a_number_of_seconds_or_a_time() {
    for (value, expected) in [
        ("0", Some(0)),
        (" 7 ", Some(7)),
        ("Fri, 31 Dec 1999 23:59:59 GMT", Some(0)),
        ("18446744073709551615", Some(60)),
        ("3600", Some(60)),
        ("soon", None),
        ("-1", None),
        ("", None),
    ] {
        assert_eq!(wait_of(value), expected.map(Duration::from_secs), "{value}");
    }
    let later = Timestamp::now() + Duration::from_mins(1);
    let later = later.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let wait = wait_of(&later).unwrap();
    assert!((58..=60).contains(&wait.as_secs()), "{wait:?}");
}
