#![no_std]
#![no_main]

bench::training!(lstm, bench::MOMENTUM);
