# frozen_string_literal: true

require "active_record"
require "fileutils"
require "logger"
require "uri"

# The app, as far as its tests need it.
module Shop
  ROOT = File.expand_path("..", __dir__)

  def self.database
    uri = URI(ENV.fetch("DATABASE_URL"))
    { adapter: "postgresql", host: uri.host, port: uri.port, username: uri.user, password: uri.password,
      database: uri.path.delete_prefix("/") }
  end

  def self.connect
    FileUtils.mkdir_p("#{ROOT}/log")
    ActiveRecord::Base.logger = Logger.new("#{ROOT}/log/test.log")
    ActiveRecord::Base.establish_connection(database)
  end
end

Dir["#{Shop::ROOT}/app/models/*.rb"].sort.each { |file| require file }
