#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| nr_iam_key_sync::testing::fuzzing::targets(data));
