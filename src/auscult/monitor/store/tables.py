"""The tables of a store, as steps from one version to the next.

A step is never edited once it has been released: a change of the tables is a further step.

Rows have increasing numbers that are never used twice, so that their order does not depend on the clock.
Times are seconds since 1970-01-01 UTC.
"""

from __future__ import annotations

_SUMMARY = """
    start REAL NOT NULL,
    count INTEGER NOT NULL,
    lowest REAL NOT NULL,
    mean REAL NOT NULL,
    highest REAL NOT NULL,
    persistent REAL,
    threshold REAL,
    levels BLOB"""

#: Statements of each step; step i makes version i + 1.
STEPS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE machines (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            model TEXT NOT NULL,
            source TEXT NOT NULL,
            policy TEXT NOT NULL,
            since REAL NOT NULL
        )""",
        """CREATE TABLE last_scores (
            machine INTEGER PRIMARY KEY REFERENCES machines,
            time REAL NOT NULL,
            score REAL NOT NULL,
            persistent REAL,
            threshold REAL
        )""",
        # The scores of the last minutes in the order of arrival: a second of 300 machines fills few pages.
        """CREATE TABLE recent_scores (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,
            time REAL NOT NULL,
            score REAL NOT NULL,
            persistent REAL,
            threshold REAL,
            levels BLOB
        )""",
        f"""CREATE TABLE score_minutes (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,{_SUMMARY}
        )""",
        "CREATE INDEX score_minutes_by_machine ON score_minutes (machine, start)",
        # All scores of a minute, as long as they are kept.
        """CREATE TABLE score_samples (
            minute INTEGER PRIMARY KEY REFERENCES score_minutes,
            start REAL NOT NULL,
            samples BLOB NOT NULL
        )""",
        f"""CREATE TABLE score_hours (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,{_SUMMARY},
            UNIQUE (machine, start)
        )""",
        """CREATE TABLE events (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,
            kind TEXT NOT NULL,
            start REAL NOT NULL,
            end REAL,
            peak REAL,
            peak_time REAL,
            score REAL,
            threshold REAL,
            state TEXT NOT NULL,
            model TEXT NOT NULL,
            explanation TEXT NOT NULL,
            map BLOB
        )""",
        "CREATE INDEX events_by_machine ON events (machine, id)",
        "CREATE INDEX events_by_start ON events (start)",
        "CREATE INDEX open_events ON events (machine) WHERE end IS NULL",
        """CREATE TABLE gaps (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,
            start REAL NOT NULL,
            end REAL,
            reason TEXT NOT NULL
        )""",
        "CREATE INDEX gaps_by_machine ON gaps (machine, start)",
        # A condition without a machine is one of the whole monitor.
        """CREATE TABLE health (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER REFERENCES machines,
            condition TEXT NOT NULL,
            start REAL NOT NULL,
            end REAL,
            detail TEXT NOT NULL
        )""",
        "CREATE INDEX lasting_conditions ON health (machine, condition) WHERE end IS NULL",
    ),
    (
        """CREATE TABLE sounds (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            event INTEGER NOT NULL REFERENCES events,
            name TEXT NOT NULL UNIQUE,
            start REAL NOT NULL,
            seconds REAL NOT NULL,
            sample_rate INTEGER NOT NULL,
            channels INTEGER NOT NULL,
            scale REAL NOT NULL,
            bytes INTEGER NOT NULL
        )""",
        "CREATE INDEX sounds_by_event ON sounds (event)",
        # `data` is for what is learned from feedback, as JSON.
        """CREATE TABLE feedback (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            event INTEGER NOT NULL REFERENCES events ON DELETE CASCADE,
            time REAL NOT NULL,
            author TEXT NOT NULL,
            text TEXT NOT NULL,
            verdict TEXT,
            data TEXT
        )""",
        "CREATE INDEX feedback_by_event ON feedback (event)",
        """CREATE TABLE audit (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            time REAL NOT NULL,
            author TEXT NOT NULL,
            action TEXT NOT NULL,
            detail TEXT NOT NULL
        )""",
    ),
    (
        # The sound of an event, or a normal one for comparison: see `ROLES`.
        "ALTER TABLE sounds ADD COLUMN role TEXT NOT NULL DEFAULT 'event'",
        # What a part of the monitor knows of a machine after a restart, as JSON.
        """CREATE TABLE states (
            machine INTEGER NOT NULL REFERENCES machines,
            key TEXT NOT NULL,
            value TEXT NOT NULL,
            PRIMARY KEY (machine, key)
        ) WITHOUT ROWID""",
        # Windows of normal running, with their mean log-mel spectra.
        """CREATE TABLE normals (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,
            name TEXT NOT NULL UNIQUE,
            start REAL NOT NULL,
            seconds REAL NOT NULL,
            sample_rate INTEGER NOT NULL,
            channels INTEGER NOT NULL,
            scale REAL NOT NULL,
            bytes INTEGER NOT NULL,
            spectrum BLOB NOT NULL
        )""",
        "CREATE INDEX normals_by_machine ON normals (machine, id)",
        # Messages that are to be sent to another program.
        """CREATE TABLE deliveries (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            channel TEXT NOT NULL,
            time REAL NOT NULL,
            body TEXT NOT NULL
        )""",
    ),
    (
        # What the store knows of itself, as JSON.
        "CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
        # Recordings of a folder that were read as the stream of one machine: path in the folder, bytes,
        # nanoseconds.
        """CREATE TABLE recordings (
            machine INTEGER NOT NULL REFERENCES machines,
            name BLOB NOT NULL,
            size INTEGER NOT NULL,
            modified INTEGER NOT NULL,
            PRIMARY KEY (machine, name)
        ) WITHOUT ROWID""",
    ),
    (
        # Recordings of a plant that were judged one by one, by their paths in the folder, which need not be
        # Unicode. `gone` is when a file was missing for the first time.
        """CREATE TABLE judged_files (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name BLOB NOT NULL UNIQUE,
            machine INTEGER REFERENCES machines,
            size INTEGER NOT NULL,
            modified INTEGER NOT NULL,
            digest TEXT NOT NULL,
            recorded REAL NOT NULL,
            arrived REAL NOT NULL,
            result TEXT NOT NULL,
            score REAL,
            threshold REAL,
            model TEXT NOT NULL,
            detail TEXT NOT NULL,
            event INTEGER REFERENCES events ON DELETE SET NULL,
            gone REAL
        )""",
        "CREATE INDEX judged_by_machine ON judged_files (machine, id)",
        "CREATE INDEX judged_by_event ON judged_files (event) WHERE event IS NOT NULL",
        "CREATE INDEX judged_and_gone ON judged_files (gone) WHERE gone IS NOT NULL",
        # When a folder was last looked at, and by what.
        """CREATE TABLE looks (
            folder BLOB PRIMARY KEY,
            time REAL NOT NULL,
            detail TEXT NOT NULL
        ) WITHOUT ROWID""",
    ),
    (
        # When the last score was written: its time may be that of a recording that is played back.
        "ALTER TABLE last_scores ADD COLUMN written REAL",
    ),
)
