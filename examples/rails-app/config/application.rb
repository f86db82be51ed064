# frozen_string_literal: true

require_relative "boot"

# Only the frameworks that this app uses: it boots faster and needs less memory than with "rails/all".
require "rails"
require "active_model/railtie"
require "active_record/railtie"
require "action_controller/railtie"
require "action_view/railtie"
require "sprockets/railtie"
require "rails/test_unit/railtie"

Bundler.require(*Rails.groups)

module HogeApp
  class Application < Rails::Application
    config.load_defaults 6.1

    # What `yarn install` brings is found by `require` in app/assets.
    config.assets.paths << Rails.root.join("node_modules")
    # A name of its own choosing would be random, and two builds of one commit would differ.
    config.assets.manifest = Rails.public_path.join("assets/manifest.json").to_s

    config.x.title = ENV.fetch("HOGE_APP_TITLE", "Invoices")
  end
end
