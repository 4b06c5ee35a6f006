-- A store of version 1, before sound, feedback and the audit log.
PRAGMA application_id=1635087203;
PRAGMA user_version=1;
BEGIN TRANSACTION;
CREATE TABLE events (
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
        );
INSERT INTO "events" VALUES(3,1,'alarm',1767225600.0,1767225630.0,3.5,1767225610.0,2.5,2.0,'probation','a1b2','{"band": "high"}',NULL);
CREATE TABLE gaps (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,
            start REAL NOT NULL,
            end REAL,
            reason TEXT NOT NULL
        );
INSERT INTO "gaps" VALUES(1,1,1767225000.0,1767225100.0,'no signal');
CREATE TABLE health (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER REFERENCES machines,
            condition TEXT NOT NULL,
            start REAL NOT NULL,
            end REAL,
            detail TEXT NOT NULL
        );
INSERT INTO "health" VALUES(1,1,'silent',1767225000.0,NULL,'');
CREATE TABLE last_scores (
            machine INTEGER PRIMARY KEY REFERENCES machines,
            time REAL NOT NULL,
            score REAL NOT NULL,
            persistent REAL,
            threshold REAL
        );
INSERT INTO "last_scores" VALUES(1,1767225661.0,0.75,0.5,2.0);
CREATE TABLE machines (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            name TEXT NOT NULL UNIQUE,
            model TEXT NOT NULL,
            source TEXT NOT NULL,
            policy TEXT NOT NULL,
            since REAL NOT NULL
        );
INSERT INTO "machines" VALUES(1,'fan','a1b2','microphone 1','{"budget": "1/week"}',1767225600.0);
CREATE TABLE recent_scores (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,
            time REAL NOT NULL,
            score REAL NOT NULL,
            persistent REAL,
            threshold REAL,
            levels BLOB
        );
INSERT INTO "recent_scores" VALUES(7,1,1767225661.0,0.75,0.5,2.0,NULL);
CREATE TABLE score_hours (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,
    start REAL NOT NULL,
    count INTEGER NOT NULL,
    lowest REAL NOT NULL,
    mean REAL NOT NULL,
    highest REAL NOT NULL,
    persistent REAL,
    threshold REAL,
    levels BLOB,
            UNIQUE (machine, start)
        );
CREATE TABLE score_minutes (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            machine INTEGER NOT NULL REFERENCES machines,
    start REAL NOT NULL,
    count INTEGER NOT NULL,
    lowest REAL NOT NULL,
    mean REAL NOT NULL,
    highest REAL NOT NULL,
    persistent REAL,
    threshold REAL,
    levels BLOB
        );
INSERT INTO "score_minutes" VALUES(1,1,1767225540.0,60,0.25,0.5,4.0,1.0,2.0,NULL);
CREATE TABLE score_samples (
            minute INTEGER PRIMARY KEY REFERENCES score_minutes,
            start REAL NOT NULL,
            samples BLOB NOT NULL
        );
CREATE INDEX score_minutes_by_machine ON score_minutes (machine, start);
CREATE INDEX events_by_machine ON events (machine, id);
CREATE INDEX events_by_start ON events (start);
CREATE INDEX open_events ON events (machine) WHERE end IS NULL;
CREATE INDEX gaps_by_machine ON gaps (machine, start);
CREATE INDEX lasting_conditions ON health (machine, condition) WHERE end IS NULL;
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('machines',1);
INSERT INTO "sqlite_sequence" VALUES('recent_scores',7);
INSERT INTO "sqlite_sequence" VALUES('score_minutes',1);
INSERT INTO "sqlite_sequence" VALUES('events',3);
INSERT INTO "sqlite_sequence" VALUES('gaps',1);
INSERT INTO "sqlite_sequence" VALUES('health',1);
COMMIT;
