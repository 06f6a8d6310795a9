#![no_std]
#![no_main]

bench::training!(lstm_ftz, bench::MOMENTUM);
