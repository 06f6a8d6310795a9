#![no_std]
#![no_main]

bench::inference!(mlp_specialised);
