#![no_std]
#![no_main]

bench::training!(mlp_sgd, bench::SGD);
