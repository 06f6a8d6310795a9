#![no_std]
#![no_main]

bench::inference!(fc_ftz);
