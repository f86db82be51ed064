# The builder image: what `bundle install` and `yarn install` run in. It holds the manifests and
# lockfiles and nothing else of the app, so it is rebuilt only when one of them changes.
FROM ruby:@ruby@

RUN command -v yarn >/dev/null || { \                #+node
      apt-get update \                               #+node
      && apt-get install --yes --no-install-recommends nodejs yarnpkg \  #+node
      && ln -s /usr/bin/yarnpkg /usr/local/bin/yarn \    #+node
      && rm -rf /var/lib/apt/lists/*; \              #+node
    }                                                #+node

# The installs may run as any user: they write to the mounted folders, and their settings here.
ENV BUNDLE_APP_CONFIG=/tmp/bundle \
    BUNDLE_PATH=/app/vendor/bundle \
    BUNDLE_DEPLOYMENT=true

WORKDIR /app
ADD Gemfile Gemfile.lock ./                          #-node
ADD Gemfile Gemfile.lock package.json yarn.lock ./   #+node
