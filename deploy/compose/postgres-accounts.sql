-- Runs once for the operator, when a database is made; by hand for one of an earlier version. Two accounts beside that one: the owner
-- makes the tables, the service uses their rows.
\getenv service SERVICE
\getenv service_password SERVICE_PASSWORD
\getenv owner_password OWNER_PASSWORD
\set owner :service '-owner'
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"service" LOGIN PASSWORD :'service_password';
ALTER DATABASE :"DBNAME" OWNER TO :"owner";
SELECT format('ALTER TABLE %I OWNER TO %I', tablename, :'owner') FROM pg_tables WHERE schemaname = 'public' \gexec
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO :"service";
