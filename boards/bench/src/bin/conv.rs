#![no_std]
#![no_main]

bench::inference!(conv);
