# The builder image: what `bundle install` and `yarn install` run in. It holds the manifests and
# lockfiles and nothing else of the app, so it is rebuilt only when one of them changes.
FROM ruby:3.1-bookworm

# A company's Ruby image often has Node.js and Yarn already; the official one has not.
RUN command -v yarn >/dev/null || { \
      apt-get update \
      && apt-get install --yes --no-install-recommends nodejs yarnpkg \
      && ln -s /usr/bin/yarnpkg /usr/local/bin/yarn \
      && rm -rf /var/lib/apt/lists/*; \
    }

# The installs may run as any user: they write to the two mounted folders, and their settings here.
ENV BUNDLE_APP_CONFIG=/tmp/bundle \
    BUNDLE_PATH=/app/vendor/bundle \
    BUNDLE_DEPLOYMENT=true

WORKDIR /app
ADD Gemfile Gemfile.lock package.json yarn.lock ./
