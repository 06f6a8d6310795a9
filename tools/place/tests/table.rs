//! CSV files, good and bad, and the checker.

use tinpail_place::{Buffer, Fault, Gap, Problem, Table, check};

#[test]
fn a_file_with_every_column_is_read_and_written() {
    let text = "id,lower,upper,size,alignment,gaps\nx,0,9,4,1,\n\"a,b\",2,8,6,4,3-4 6-7\n";
    let mut table = Table::read(text.as_bytes()).unwrap();
    assert_eq!(table.ids, ["x", "a,b"]);
    assert_eq!(table.offsets, None);
    let second = Buffer {
        alignment: 4,
        gaps: vec![Gap { lower: 3, upper: 4 }, Gap { lower: 6, upper: 7 }],
        ..Buffer::new(2, 8, 6)
    };
    assert_eq!(table.problem.buffers(), [Buffer::new(0, 9, 4), second]);
    table.offsets = Some(vec![0, 4]);
    let mut written = Vec::new();
    table.write(&mut written).unwrap();
    let expected =
        "id,lower,upper,size,alignment,gaps,offset\nx,0,9,4,1,,0\n\"a,b\",2,8,6,4,3-4 6-7,4\n";
    assert_eq!(String::from_utf8(written.clone()).unwrap(), expected);
    assert_eq!(Table::read(written.as_slice()).unwrap(), table);
}

#[test]
fn columns_may_stand_in_any_order() {
    let table = Table::read("size,id,offset,upper,lower\n4,x,8,3,1\n".as_bytes()).unwrap();
    assert_eq!(table.problem.buffers(), [Buffer::new(1, 3, 4)]);
    assert_eq!(table.offsets, Some(vec![8]));
}

#[test]
fn bad_files_are_refused_with_the_line() {
    let header = "id,lower,upper,size,alignment,gaps\n";
    let rows = [
        (
            "a,0,2,4,1,\nb,0,x,4,1,\n",
            "line 3: upper \"x\" is no whole number from 0",
        ),
        (
            "a,0,2,-4,1,\n",
            "line 2: size \"-4\" is no whole number from 0",
        ),
        ("a,0,2,4\n", "line 2: 4 fields where the header has 6"),
        (
            "a,0,2,4,1,\n\na,1,2,4,1,\n",
            "line 4: id \"a\" stands in line 2 already",
        ),
        (
            "a,2,2,4,1,\n",
            "line 2: buffer 0 holds memory at no time of 2..2",
        ),
        ("a,0,2,4,0,\n", "line 2: buffer 0 has alignment 0"),
        (
            "a,0,9,4,1,1-3 2-5\n",
            "line 2: buffer 0: gap 2..5 is empty, out of order or outside its life",
        ),
        (
            "a,0,9,4,1,0-9\n",
            "line 2: buffer 0 holds memory at no time of 0..9",
        ),
        (
            "a,0,9,4,1,1-3@0:2\n",
            "line 2: gap \"1-3@0:2\" is not lower-upper",
        ),
        (
            "a,0,9,9223372036854775807,1,\n",
            "line 2: with buffer 0 the sizes sum to more than 2^63",
        ),
    ];
    for (rows, message) in rows {
        let text = format!("{header}{rows}");
        let error = Table::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error} is not {message}");
    }
    let headers = [
        ("", "line 1: the header has no column \"id\""),
        (
            "id,lower,upper\n",
            "line 1: the header has no column \"size\"",
        ),
        (
            "id,lower,upper,size,colour\n",
            "line 1: the header has a column \"colour\"",
        ),
        (
            "id,lower,upper,size,id\n",
            "line 1: the header has the column \"id\" twice",
        ),
    ];
    for (text, message) in headers {
        let error = Table::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(message), "{error} is not {message}");
    }
    assert!(Table::read(&b"id,lower,upper,size\n\xff,0,1,1\n"[..]).is_err());
}

fn two(left: Buffer, right: Buffer) -> Problem {
    Problem::new(vec![left, right]).unwrap()
}

#[test]
fn the_checker_finds_each_fault() {
    let problem = two(Buffer::new(0, 4, 4), Buffer::new(2, 6, 4));
    assert_eq!(check(&problem, &[0, 4]), Ok(8));
    assert_eq!(check(&problem, &[4, 0]), Ok(8));
    let overlap = Fault::Overlap {
        first: 0,
        second: 1,
        time: 2,
        address: 3,
    };
    assert_eq!(check(&problem, &[0, 3]), Err(overlap));
    let count = Fault::Count {
        offsets: 1,
        buffers: 2,
    };
    assert_eq!(check(&problem, &[0]), Err(count));
    let beyond = Fault::Beyond {
        index: 1,
        offset: u64::MAX,
    };
    assert_eq!(check(&problem, &[0, u64::MAX]), Err(beyond));

    let aligned = Buffer {
        alignment: 8,
        ..Buffer::new(0, 4, 4)
    };
    let misaligned = Fault::Misaligned {
        index: 0,
        offset: 4,
        alignment: 8,
    };
    let problem = two(aligned, Buffer::new(0, 4, 4));
    assert_eq!(check(&problem, &[4, 0]), Err(misaligned));
    assert_eq!(check(&problem, &[0, 4]), Ok(8));
}

#[test]
fn memory_is_free_in_a_gap_and_at_the_end_of_a_life() {
    let gapped = |lower, upper| Buffer {
        gaps: vec![Gap { lower, upper }],
        ..Buffer::new(0, 9, 4)
    };
    let inside = Buffer::new(3, 5, 4);
    assert_eq!(check(&two(gapped(3, 5), inside.clone()), &[0, 0]), Ok(4));
    let after = two(gapped(3, 4), inside.clone());
    assert!(matches!(
        check(&after, &[0, 0]),
        Err(Fault::Overlap { time: 4, .. })
    ));
    let before = two(gapped(4, 5), inside.clone());
    assert!(matches!(
        check(&before, &[0, 0]),
        Err(Fault::Overlap { time: 3, .. })
    ));
    let next = Buffer::new(5, 7, 4);
    assert_eq!(check(&two(inside, next), &[0, 0]), Ok(4));
}
