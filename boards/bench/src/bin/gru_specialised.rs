#![no_std]
#![no_main]

bench::inference!(gru_specialised);
