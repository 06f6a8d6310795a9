#![no_std]
#![no_main]

bench::training!(mlp_momentum_specialised, bench::MOMENTUM);
