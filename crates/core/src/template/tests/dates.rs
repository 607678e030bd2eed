//! The filter `date`.

use super::*;
use crate::zone::zone;

fn in_zone(source: &str, name: &str) -> String {
    let scope = Scope::new(&[], NOW).in_zone(zone(name).unwrap());
    Template::parse(source).unwrap().render(&scope, &RenderLimits::default()).unwrap()
}

#[test]
fn reads_what_people_and_programs_write() {
    for (text, wanted) in [
        ("'now'", "2026-11-23 09:30:00"),
        ("'today'", "2026-11-23 09:30:00"),
        ("1152098955", "2006-07-05 11:29:15"),
        ("'1152098955'", "2006-07-05 11:29:15"),
        ("'2026-11-23'", "2026-11-23 00:00:00"),
        ("'2026-11-23T08:05:09Z'", "2026-11-23 08:05:09"),
        ("'2026-11-23T08:05:09.123+02:00'", "2026-11-23 06:05:09"),
        ("'2026-11-23 08:05'", "2026-11-23 08:05:00"),
        ("'2026-11-23 08:05:09'", "2026-11-23 08:05:09"),
        ("'2026-11-23 08:05:09 +0200'", "2026-11-23 06:05:09"),
        ("'2026-11-23 08:05:09 UTC'", "2026-11-23 08:05:09"),
        ("'2026/11/23'", "2026-11-23 00:00:00"),
        ("'March 14, 2016'", "2016-03-14 00:00:00"),
        ("'Mon, 14 Mar 2016 15:04:05 -0500'", "2016-03-14 20:04:05"),
        ("'14th Sept. 2016 at 3:04pm'", "2016-09-14 15:04:00"),
        ("'March 14, 2016 12:30 AM'", "2016-03-14 00:30:00"),
        ("'soon'", "soon"),
        ("'99'", "99"),
        ("'14/03/2016'", "14/03/2016"),
        ("'2016-02-30'", "2016-02-30"),
        ("'March 14 2016 25:00'", "March 14 2016 25:00"),
    ] {
        let source = format!("{{{{ {text} | date: '%Y-%m-%d %H:%M:%S' }}}}");
        assert_eq!(run(&source).as_deref(), Ok(wanted), "{source}");
    }
}

#[test]
fn instants_move_to_the_zone_and_wall_times_stay() {
    let format = "'%Y-%m-%d %-I:%M %p %Z %z %:z'";
    let at = |text: &str, zone| in_zone(&format!("{{{{ {text} | date: {format} }}}}"), zone);
    assert_eq!(at("'now'", "America/New_York"), "2026-11-23 4:30 AM EST -0500 -05:00");
    assert_eq!(
        at("'2026-07-01T12:00:00Z'", "Europe/Berlin"),
        "2026-07-01 2:00 PM CEST +0200 +02:00"
    );
    assert_eq!(at("'2026-07-01 12:00'", "Europe/Berlin"), "2026-07-01 12:00 PM CEST +0200 +02:00");
    assert_eq!(at("'2026-07-01'", "Asia/Kolkata"), "2026-07-01 12:00 AM IST +0530 +05:30");
}

#[test]
fn every_directive() {
    for (format, wanted) in [
        ("%a %A %^a %b %B %^B %h", "Fri Friday FRI Jul July JULY Jul"),
        ("%C %y %Y %G %g %V", "20 26 2026 2026 26 27"),
        ("%d %-d %e %_d %j %m %-m %_m", "03 3  3  3 184 07 7  7"),
        ("%H %k %I %l %-l %M %S %L %N %3N", "15 15 03  3 3 04 05 678 678000000 678"),
        ("%p %P %#p %u %w %U %W", "PM pm pm 5 5 26 26"),
        (
            "%D|%F|%T|%R|%r|%x|%X",
            "07/03/26|2026-07-03|15:04:05|15:04|03:04:05 PM|07/03/26|15:04:05",
        ),
        ("%c|%v", "Fri Jul  3 15:04:05 2026| 3-JUL-2026"),
        ("%s %z %:z %::z %Z", "1783091045 +0000 +00:00 +00:00:00 UTC"),
        ("%05d %10A %010A %%|%n|%t|", "00003     Friday 0000Friday %|\n|\t|"),
        ("%Q %! %", "%Q %! %"),
    ] {
        let source = format!("{{{{ '2026-07-03T15:04:05.678Z' | date: '{format}' }}}}");
        assert_eq!(run(&source).as_deref(), Ok(wanted), "{format}");
    }
}
