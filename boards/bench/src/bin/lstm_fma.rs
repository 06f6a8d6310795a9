#![no_std]
#![no_main]

bench::training!(lstm_fma, bench::MOMENTUM);
