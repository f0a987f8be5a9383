-- Once, as a superuser, in the database `cxrreport`. The owner makes and migrates tables; the nightly run changes rows
-- alone; a reader reads. Set passwords with \password, or let pg_hba.conf know the roles by certificate or socket.
CREATE ROLE cxrreport_owner LOGIN;
CREATE ROLE cxrreport_run LOGIN;
CREATE ROLE cxrreport_read LOGIN;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO cxrreport_owner;
GRANT USAGE ON SCHEMA public TO cxrreport_run, cxrreport_read;
ALTER DEFAULT PRIVILEGES FOR ROLE cxrreport_owner IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO cxrreport_run;
ALTER DEFAULT PRIVILEGES FOR ROLE cxrreport_owner IN SCHEMA public GRANT USAGE ON SEQUENCES TO cxrreport_run;
ALTER DEFAULT PRIVILEGES FOR ROLE cxrreport_owner IN SCHEMA public GRANT SELECT ON TABLES TO cxrreport_read;
