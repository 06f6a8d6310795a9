#![no_std]
#![no_main]

bench::training!(gru_training, bench::MOMENTUM);
