#![no_std]
#![no_main]

bench::training!(gru_training_specialised, bench::MOMENTUM);
