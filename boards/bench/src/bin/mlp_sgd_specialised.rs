#![no_std]
#![no_main]

bench::training!(mlp_sgd_specialised, bench::SGD);
