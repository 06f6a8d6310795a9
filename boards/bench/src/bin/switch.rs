#![no_std]
#![no_main]

bench::switching!(switch);
