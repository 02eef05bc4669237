-- Runs once, when a database is made, for the operator. Two accounts beside that one: the owner makes the tables, the service uses their rows.
\getenv service SERVICE
\getenv service_password SERVICE_PASSWORD
\getenv owner_password OWNER_PASSWORD
\set owner :service '-owner'
CREATE ROLE :"owner" LOGIN PASSWORD :'owner_password';
CREATE ROLE :"service" LOGIN PASSWORD :'service_password';
ALTER DATABASE :"DBNAME" OWNER TO :"owner";
REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC;
GRANT CONNECT ON DATABASE :"DBNAME" TO :"service";
