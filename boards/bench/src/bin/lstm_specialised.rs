#![no_std]
#![no_main]

bench::training!(lstm_specialised, bench::MOMENTUM);
