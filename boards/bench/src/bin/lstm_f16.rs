#![no_std]
#![no_main]

bench::training!(lstm_f16, bench::MOMENTUM);
