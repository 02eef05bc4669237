# The images of all programs: --target gateway, or --target service with the build arguments SERVICE and PORT.
# The major that npm start runs. A tag and not a digest: patches of Node and of the base
# come with the next `docker compose build --pull`.
FROM node:24-alpine AS base
WORKDIR /app

# The packages depend on these files alone: while they stay the same, npm ci below comes from the cache.
FROM base AS manifests
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json -delete && find . -type d -empty -delete

# What every program stands on.
FROM base AS packages
COPY --from=manifests /app ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.base.json ./
COPY shared-contracts shared-contracts
COPY service-kit service-kit
# By its file, since npx and npm run would put node_modules/.bin first: the Node there is for glibc and can't run on Alpine.
RUN node node_modules/typescript/bin/tsc -b service-kit
COPY local-stack/src/programs local-stack/src/programs
COPY local-stack/src/servers/server-table.ts local-stack/src/servers/

# One program. The other programs' files are not copied: a change in them rebuilds nothing here.
FROM packages AS build-gateway
COPY gateway gateway
RUN node node_modules/typescript/bin/tsc -b gateway && node local-stack/src/programs/bundle-programs.ts gateway

FROM packages AS build-service
ARG SERVICE
COPY ${SERVICE} ${SERVICE}
RUN node node_modules/typescript/bin/tsc -b ${SERVICE} && node local-stack/src/programs/bundle-programs.ts ${SERVICE}

FROM packages AS build-operations
COPY operations operations
RUN node node_modules/typescript/bin/tsc -b operations && node local-stack/src/programs/bundle-programs.ts operations

FROM base AS runtime
# Inside a container only its networks reach it; what is published says docker-compose.yml.
ENV NODE_ENV=production HOST=0.0.0.0
# For V8's old objects half of the container's memory: the rest is for young ones, buffers and code. What Node takes by itself
# follows the limit only roughly: of 256 MB it would take 271.
ENV NODE_OPTIONS="--max-old-space-size=256 --max-semi-space-size=16"
USER node
CMD ["node", "--enable-source-maps", "dist/program/main.mjs"]

FROM runtime AS gateway
COPY --from=build-gateway /app/gateway/dist/program gateway/dist/program
# The pages of /docs, which it reads from there.
COPY --from=build-gateway /app/node_modules/swagger-ui-dist node_modules/swagger-ui-dist
WORKDIR /app/gateway
ENV PORT=4000
EXPOSE 4000
# Liveness, not /health: that is 503 while a service is away, and without the gateway the other services' routes would be gone too.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:4100/health/live').then(({ ok }) => process.exit(ok ? 0 : 1))"]

FROM runtime AS service
ARG SERVICE
ARG PORT
COPY --from=build-service /app/${SERVICE}/dist/program ${SERVICE}/dist/program
WORKDIR /app/${SERVICE}
ENV PORT=${PORT}
EXPOSE ${PORT}
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/ready`).then(({ ok }) => process.exit(ok ? 0 : 1))"]

# For operators: the commands of docs/operations.md, where databases and broker can be reached.
FROM runtime AS operations
COPY --from=build-operations /app/operations/dist/program operations/dist/program
# A volume begins with what the image has there: with this owner.
USER root
RUN mkdir -p .local-stack/discarded && chown -R node:node .local-stack
USER node
ENTRYPOINT ["node", "--enable-source-maps", "operations/dist/program/main.mjs"]
CMD ["orders:stuck"]
